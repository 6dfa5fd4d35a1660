import { existsSync, mkdirSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { type Entry, setVariable, updateEnvFile } from '@lockfast/core/env';
import type { Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, type FileOwner, identityOf, readRegularFile, systemFailure, withFileLock, writeDurably } from '@lockfast/core/files';
import { Accounts, exampleWith, generatedValue, installTenant, isReachedWithoutLinks, planTenant, see, setMode, setOwner, type Tenant, tenantNamed, tenantsBase, type TenantPlan } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { addLines, IGNORED } from '../setup/git-files.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf, managerOf } from './fleet-of.ts';
import { askedNames, givenValues } from './given-values.ts';
import { installationOf } from './installation.ts';
import { openLayer, valued } from './tenant-layers.ts';

const DIRECTORY_MODE = 0o700;
/** Above the tenants: their users pass through, and list nothing. */
const ABOVE_MODE = 0o711;
const EXAMPLE = '.env.example';

/** Makes a tenant, or adds to one what it lacks. The plaintext is never on a disk. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const fleet = fleetOf(workspace);
  const tenant = withUser(tenantNamed(fleet, args.operands[0]!), args.text('user'));
  const event = { operation: 'tenant-create', object: tenant.directory, tenant: tenant.name, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'operator', event);
  const port = portOf(args, session);
  const below = tenantsBase(fleet.path);
  const owner = ownerOf(tenant);
  refuseUnfit(tenant, below);
  if (fleet.extends !== undefined && !existsSync(fleet.extends)) session.terminal.warn(`what all tenants share is not there: ${fleet.extends}; .env.example serves in its place`);
  const names = askedNames(args, session);
  if (port !== undefined && [...names.asked, ...names.files.keys()].includes('PORT')) throw new LockfastError('usage', 'tenant create: PORT is given twice', 'leave --port out, or --set PORT');
  if (args.text('exec') !== undefined && !args.flag('install')) throw new LockfastError('usage', 'tenant create: --exec is for the unit that --install makes', 'add --install');
  const dryRun = args.flag('dry-run');
  const given = dryRun ? new Map([...names.asked, ...names.files.keys()].map((name) => [name, ''])) : await givenValues(names, session);
  const dialect = workspace.dialect(args);
  const { plan, known } = await planned(tenant, given, port, args.flag('copy'), workspace, dialect);
  if (plan.missing.length > 0) {
    throw new LockfastError('missing-variable', `${tenant.name} was not created: ${plan.missing.join(', ')} ${plan.missing.length === 1 ? 'is' : 'are'} required, and nothing gives a value`, `give each with --port, --set or --set-file, or put it into what all tenants share${fleet.extends === undefined ? ' ([tenants] extends)' : `: lockfast env set NAME --file ${fleet.extends}`}`);
  }
  const isNew = identityOf(tenant.encryptedFile) === undefined;
  const add = (entries: readonly Entry[]): readonly Entry[] => plan.added.reduce((all, { name, value }) => (valued(Buffer.concat(all.map(({ bytes }) => bytes)), dialect).has(name) ? all : setVariable(all, name, value, dialect)), entries);
  // What the dialect has no spelling for is refused before anything is made.
  add([]);
  if (!dryRun) {
    await audited(await workspace.audit(), event, async () => {
      makeDirectory(tenant, below, owner);
      if (isNew || plan.added.length > 0) {
        await workspace.encrypting(tenant.encryptedFile, tenant.name, (scope) => updateEnvFile(tenant.encryptedFile, scope, add, owner), { variables: plan.added.map(({ name }) => name).join(' ') });
      }
      await writeOpenFiles(tenant, new Set([...known, ...plan.added.map(({ name }) => name)]), owner, workspace.stateDirectory);
      settle(tenant, below, owner);
    });
  }
  const installed = args.flag('install') ? await install(tenant, args.text('exec'), workspace, session, dryRun) : undefined;
  report(tenant, plan, { isNew, dryRun, installed, shared: fleet.extends !== undefined && existsSync(fleet.extends) && !args.flag('copy') }, args, session);
  return 0;
}

function withUser(tenant: Tenant, user: string | undefined): Tenant {
  if (user === undefined || user === tenant.user) return tenant;
  if (tenant.user === undefined) return { ...tenant, user };
  throw new LockfastError('usage', `tenant create: the configuration says that ${tenant.name}'s user is ${tenant.user}`, `leave --user out, or write user = "${user}" below [tenant."${tenant.name}"]`);
}

function portOf(args: Arguments, { command }: Session): string | undefined {
  const text = args.text('port');
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 65_535) return text;
  throw new LockfastError('usage', `${command}: --port takes a number from 1 to 65535`, 'for example --port 8001');
}

/** Whose everything will be. @throws LockfastError `config-invalid`, `permission-denied` */
function ownerOf({ user, directory }: Tenant): FileOwner {
  const self = { uid: process.geteuid!(), gid: process.getegid!() };
  const present = see(directory);
  const owner = user === undefined ? (present ?? self) : new Accounts().required(user);
  if (self.uid !== 0 && owner.uid !== self.uid) {
    throw new LockfastError('permission-denied', `only root can make files that belong to ${new Accounts().nameOf(owner.uid)}`, 'run it as that user, or as root');
  }
  return { uid: owner.uid, gid: self.uid === owner.uid && self.uid !== 0 ? self.gid : owner.gid };
}

/** @throws LockfastError `not-a-file`, `exists` */
function refuseUnfit({ directory, plainFile, encryptedFile, name }: Tenant, below: string): void {
  const seen = see(directory);
  if (seen !== undefined && !isReachedWithoutLinks({ path: directory, below })) {
    throw new LockfastError('not-a-file', `${directory} is no directory of its own, or can not be opened`, 'a link leads wherever its maker wants: make it a directory');
  }
  if (seen !== undefined && see(plainFile)?.kind === 'file' && identityOf(encryptedFile) === undefined) {
    throw new LockfastError('exists', `${plainFile} is there, in plaintext`, `take it over with: lockfast tenant import ${name}`);
  }
}

async function planned(tenant: Tenant, given: ReadonlyMap<string, string>, port: string | undefined, copy: boolean, workspace: Workspace, dialect: Dialect): Promise<{ readonly plan: TenantPlan; readonly known: readonly string[] }> {
  const { fleet } = workspace.configuration;
  const own = identityOf(tenant.encryptedFile) === undefined ? new Map<string, string>() : (await openLayer(tenant.encryptedFile, tenant.name, workspace, dialect)).variables;
  const shared = fleet?.extends !== undefined && existsSync(fleet.extends) ? (await openLayer(fleet.extends, tenant.name, workspace, dialect)).variables : undefined;
  const template = shared === undefined ? templateOf(tenant, workspace, dialect) : new Map<string, string>();
  const plan = planTenant({ tenant, own, shared, template, given, port, copy }, generatedValue);
  return { plan, known: [...own.keys(), ...(shared?.keys() ?? []), ...template.keys(), ...tenant.required] };
}

/** The tenant's own template, else the project's. */
function templateOf({ directory }: Tenant, { configuration }: Workspace, dialect: Dialect): Map<string, string> {
  const path = [join(directory, EXAMPLE), join(dirname(configuration.file), EXAMPLE)].find((candidate) => see(candidate)?.kind === 'file');
  return path === undefined ? new Map() : valued(readRegularFile(path, 'refuse').bytes, dialect);
}

/** The last directory is its user's; those above it are not, or it could be exchanged for another one. Killed in between, the next run goes on. */
function makeDirectory({ directory }: Tenant, below: string, owner: FileOwner): void {
  ensureDirectory(below);
  const above = see(below)!;
  // Closed to everybody else, as it is when it was just made, it would be closed to the tenant.
  if (above.uid !== owner.uid && above.mode === DIRECTORY_MODE) setMode({ path: below, below: dirname(below), mode: ABOVE_MODE });
  let path = below;
  for (const name of relative(below, directory).split('/')) {
    path = join(path, name);
    try {
      mkdirSync(path, DIRECTORY_MODE);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw systemFailure(error, `${path} was not made`, 'write-failed');
    }
    const made = see(path)!;
    if (path !== directory && made.uid !== owner.uid && made.mode === DIRECTORY_MODE) setMode({ path, below, mode: ABOVE_MODE });
  }
  ensureDirectory(directory);
}

async function writeOpenFiles({ directory, name }: Tenant, names: ReadonlySet<string>, owner: FileOwner, stateDirectory: string): Promise<void> {
  const path = join(directory, EXAMPLE);
  await withFileLock(stateDirectory, path, () => {
    const present = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    const text = exampleWith(present?.bytes.toString('utf8'), names, name);
    if (text === undefined) return;
    writeDurably({ path, bytes: Buffer.from(text), mode: 0o644, owner: present === undefined ? owner : { uid: present.uid, gid: present.gid }, expected: present?.identity ?? 'absent' });
  });
  await addLines(directory, '.gitignore', IGNORED, stateDirectory, owner);
}

/** The directory last: until it is the user's, nobody but us writes in it. What stood there before keeps a mode that lets nobody in. */
function settle({ directory, encryptedFile }: Tenant, below: string, owner: FileOwner): void {
  const root = process.geteuid?.() === 0;
  if (root) setOwner({ path: encryptedFile, below, ...owner });
  setMode({ path: encryptedFile, below, mode: 0o400 });
  const { mode } = see(directory)!;
  if ((mode & 0o026) !== 0) setMode({ path: directory, below, mode: mode & ~0o026 });
  if (root) setOwner({ path: directory, below, ...owner });
}

interface Installed {
  readonly files: readonly string[];
  /** Why nothing was. */
  readonly not?: string;
}

async function install(tenant: Tenant, command: string | undefined, workspace: Workspace, session: Session, dryRun: boolean): Promise<Installed> {
  if (tenant.service === undefined) return { files: [], not: 'no service is configured' };
  const manager = managerOf([tenant], session);
  if (manager === undefined) return { files: [], not: 'systemd does not run here' };
  if (dryRun) return { files: [] };
  const event = { operation: 'tenant-install', object: tenant.service, tenant: tenant.name, environment: workspace.configuration.environment };
  const { files } = await audited(await workspace.audit(), event, () => installTenant(tenant, installationOf(workspace, session), manager, command));
  return { files };
}

interface Done {
  readonly isNew: boolean;
  readonly dryRun: boolean;
  readonly shared: boolean;
  readonly installed: Installed | undefined;
}

const ORIGINS = { given: 'given', generated: 'generated', port: 'PORT', domain: 'DOMAIN', shared: 'copied', example: 'from .env.example' } as const;

function report({ name, directory, service }: Tenant, { added, kept, unfilled }: TenantPlan, { isNew, dryRun, shared, installed }: Done, args: Arguments, { terminal }: Session): void {
  if (args.flag('json')) {
    terminal.json({ tenant: name, directory, dryRun, created: isNew, added: added.map((one) => ({ name: one.name, origin: one.origin })), kept, unfilled, installed: installed?.files ?? [] });
    return;
  }
  const counts = (['given', 'generated', 'shared', 'example'] as const).flatMap((origin) => {
    const count = added.filter((one) => one.origin === origin).length;
    return count === 0 ? [] : [`${count} ${ORIGINS[origin]}`];
  });
  const fixed = added.flatMap(({ origin }) => (origin === 'port' || origin === 'domain' ? [ORIGINS[origin]] : []));
  const from = [...fixed, ...counts].join(', ');
  const what = added.length === 0 ? 'no variable is missing' : `${counted(added.length, 'variable')} ${dryRun ? 'would be encrypted' : 'encrypted'} (${from})`;
  terminal.line(`${name}: ${isNew ? (dryRun ? 'would be created' : 'created') : 'is there already'} in ${directory}: ${what}${shared ? '; what all tenants share stays in one file' : ''}`);
  if (dryRun) for (const { name: variable, origin } of added) terminal.line(`  ${variable}  ${ORIGINS[origin]}`);
  for (const variable of kept) terminal.warn(`${variable} has another value already, and was left: lockfast env set ${variable} --tenant ${name}`);
  if (unfilled.length > 0) terminal.warn(`nothing gives a value to ${unfilled.join(', ')}: lockfast env set NAME --tenant ${name}`);
  if (installed?.not !== undefined) terminal.note(`nothing was installed: ${installed.not}`);
  for (const file of installed?.files ?? []) terminal.line(`  installed ${file}`);
  if (!dryRun && service !== undefined && installed?.not === undefined) terminal.line(installed === undefined ? `Next: lockfast tenant install ${name}` : `Next: systemctl enable --now ${basename(service)}`);
}
