import { isVariableName, MOST_FILE_BYTES, parseFile, readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, readRegularFile, withFileLock } from '@lockfast/core/files';
import { holdsRootKey, parseDuration } from '@lockfast/core/keyring';
import { systemClock } from '@lockfast/core/ports';
import { newRotationId } from '@lockfast/core/rotation';
import { existingTenant, type Tenant } from '@lockfast/fleet';
import {
  addWork,
  type CredentialPlace,
  type CredentialRotation,
  type Examination,
  examine,
  generatedValue,
  isOnlyInComment,
  Journal,
  openCredentialRotation,
  planRotation,
  readCredentialRotations,
  RECORD_FORMAT,
  rotateCredential,
  type RotationPlan,
} from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { readValue } from '../env/set.ts';
import { variableOperand } from '../env/variable-operand.ts';
import { refuseOutsideWindow } from '../key/maintenance-window.ts';
import { listed } from '../listed.ts';
import { reasonOf } from '../reason.ts';
import { failuresOnRecord } from '../on-record.ts';
import { personBehind, requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { allTenants, fleetOf, managerOf } from '../tenant/fleet-of.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { credentialRecords, DO_NOT_WAIT, fleetFiles, rotationLock } from './credential-place.ts';
import { carryOut, finishRotation, rotationEvent } from './going-on.ts';
import { prepareRotationLog } from './rotation-log.ts';
import { showPlan } from './shown-rotation.ts';
import { verifyNewValue } from './verify-command.ts';

const MOST_PARALLEL = 64;

/** What a health check may show of a tenant's variables is no credential. */
const NO_CREDENTIALS: ReadonlySet<string> = new Set(['PORT', 'HOST', 'DOMAIN']);

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenants = allTenants(workspace);
  const wish = wishOf(args, session, workspace);
  const event = { operation: 'secret-rotate', object: wish.names.join(' ') || wish.scope, ...(wish.reason === null ? {} : { reason: wish.reason }), details: { scope: wish.scope } };
  await requireRole(workspace, session, 'operator', event);
  if (args.flag('dry-run')) return dryRun(wish, tenants, args, session, workspace);
  ensureDirectory(credentialRecords(workspace));
  return withFileLock(
    workspace.stateDirectory,
    rotationLock(workspace),
    async () => {
      const begun = openCredentialRotation(credentialRecords(workspace));
      if (begun !== undefined) return finishRotation(begun, args, session, workspace);
      if (args.flag('resume')) throw new LockfastError('usage', 'secret rotate: no rotation is open', 'see `lockfast secret history`');
      return begin(wish, tenants, args, session, workspace);
    },
    DO_NOT_WAIT,
  );
}

/** What was asked for, by the command line alone. */
interface Wish {
  /** Empty with --resume. */
  readonly names: readonly string[];
  readonly scope: string;
  /** With --all: what else the tenant has, and Lockfast can't make. */
  readonly others: readonly { readonly name: string; readonly scope: string }[];
  readonly generate: boolean;
  readonly length: number | undefined;
  readonly parallel: number;
  readonly graceMs: number | null;
  readonly reason: string | null;
}

/** @throws LockfastError `usage`, `invalid-name`, `no-such-tenant` */
function wishOf(args: Arguments, { command }: Session, workspace: Workspace): Wish {
  const usage = (problem: string, hint: string): LockfastError => new LockfastError('usage', `${command}: ${problem}`, hint);
  const [given] = args.operands;
  const all = args.flag('all');
  const resume = args.flag('resume');
  if (given === undefined && !all && !resume) throw usage('which variable is missing', 'give its name; or --all with --tenant; or --resume');
  if (all && (given !== undefined || args.text('scope') !== undefined)) throw usage('--all is about all variables of one tenant', 'give it with --tenant alone');
  if (all !== (args.text('tenant') !== undefined)) throw usage('--all and --tenant belong together', 'for one variable of a tenant: --scope TENANT');
  if (all && args.text('verify-command') !== undefined) throw usage('--verify-command is for one variable', 'leave it out with --all');
  const length = wholeNumber(args, 'length', usage);
  const parallel = wholeNumber(args, 'parallel', usage) ?? 1;
  if (parallel < 1 || parallel > MOST_PARALLEL) throw usage(`--parallel is 1 to ${MOST_PARALLEL}`, 'how many services may restart at once');
  if (length !== undefined && !args.flag('generate') && !all) throw usage('--length is of a value that is generated', 'add --generate');
  const rest = { length, parallel, graceMs: grace(args, usage), reason: reasonOf(args) ?? null };
  if (all) return { ...ofTenant(existingTenant(fleetOf(workspace), args.text('tenant')!), workspace), generate: true, ...rest };
  const scope = args.text('scope');
  if (given === undefined) return { names: [], scope: scope ?? 'all', others: [], generate: false, ...rest };
  const name = variableOperand(args);
  if (!isVariableName(name)) throw new LockfastError('invalid-name', `${command}: the name of the variable is not usable`, 'use letters, digits, underscores, dots and dashes; the value is never an argument');
  if (scope === undefined) throw usage('--scope is missing', 'say where: all, shared, or the name of a tenant');
  return { names: [name], scope, others: [], generate: args.flag('generate'), ...rest };
}

function wholeNumber(args: Arguments, option: string, usage: (problem: string, hint: string) => LockfastError): number | undefined {
  const text = args.text(option);
  if (text !== undefined && !/^[0-9]{1,4}$/.test(text)) throw usage(`--${option} is no number of at most four digits`, 'write it in digits');
  return text === undefined ? undefined : Number(text);
}

function grace(args: Arguments, usage: (problem: string, hint: string) => LockfastError): number | null {
  const text = args.text('grace');
  try {
    return text === undefined ? null : parseDuration(text);
  } catch {
    throw usage('--grace is no time', 'write it as 30m, 24h, 7d or 2w');
  }
}

/** A tenant's credentials: those that Lockfast makes, and the rest, which only their issuers can replace. */
function ofTenant(tenant: Tenant, workspace: Workspace): Pick<Wish, 'names' | 'scope' | 'others'> {
  const { extends: shared } = fleetOf(workspace);
  const own = namesIn(tenant.encryptedFile);
  const inherited = shared === undefined ? [] : namesIn(shared).filter((name) => !own.includes(name));
  const isCredential = (name: string): boolean => !NO_CREDENTIALS.has(name);
  const names = own.filter((name) => tenant.generated.includes(name));
  const others = own.filter((name) => !names.includes(name) && isCredential(name)).map((name) => ({ name, scope: tenant.name }));
  return { names, scope: tenant.name, others: [...others, ...inherited.filter(isCredential).map((name) => ({ name, scope: 'shared' }))] };
}

function namesIn(path: string): string[] {
  const { lines } = parseFile(readRegularFile(path, 'follow', MOST_FILE_BYTES).bytes, path);
  return [...new Set(lines.filter(({ kind }) => kind !== 'other').map(({ name }) => name))];
}

async function planOf(wish: Wish, tenants: readonly Tenant[], session: Session, workspace: Workspace): Promise<RotationPlan> {
  const { ours, others, unlisted } = fleetFiles(workspace);
  const outside = others.filter((path) => holds(path, wish.names));
  if (wish.scope === 'all' && outside.length > 0) session.terminal.warn(`also set in files of no tenant, which are not part of this: ${listed(outside)}`);
  return planRotation({ names: wish.names, scope: wish.scope, tenants, shared: fleetOf(workspace).extends, files: ours, unlisted, manager: managerOf(tenants, session) });
}

/** A comment is encrypted, its name too: only opening the file tells that it stands there. */
async function explainComment(error: unknown, { names, scope }: Wish, workspace: Workspace): Promise<never> {
  if (!(error instanceof LockfastError) || error.code !== 'no-such-variable') throw error;
  const files = fleetFiles(workspace).ours.filter(({ tenant }) => scope === 'all' || tenant === (scope === 'shared' ? '' : scope));
  for (const { path, tenant } of files) {
    const { entries } = await workspace.decrypting(path, tenant === '' ? undefined : tenant, (one) => readEnvFile(path, one), { details: { for: 'a comment' } });
    const name = names.find((one) => isOnlyInComment(entries, one));
    if (name !== undefined) throw new LockfastError('no-such-variable', `${path}: ${name} stands there in a comment only, which sets nothing`, 'set it with `lockfast env set`, or rotate it where it is set', error);
  }
  throw error;
}

function holds(path: string, names: readonly string[]): boolean {
  try {
    return namesIn(path).some((name) => names.includes(name));
  } catch (error) {
    if (error instanceof LockfastError) return false;
    throw error;
  }
}

async function begin(wish: Wish, tenants: readonly Tenant[], args: Arguments, session: Session, workspace: Workspace): Promise<number> {
  const { terminal } = session;
  const records = credentialRecords(workspace);
  if (wish.others.length > 0) {
    const added = new Date().toISOString();
    await addWork(records, workspace.stateDirectory, readCredentialRotations(records), wish.others.map((one) => ({ ...one, added, reason: wish.reason })));
    terminal.note(`only their issuers can replace: ${listed(wish.others.map(({ name }) => name))}; they are on the list: lockfast secret history --open`);
  }
  if (wish.names.length === 0) {
    terminal.line(`${wish.scope} has no variable that Lockfast generates`);
    return 0;
  }
  const id = newRotationId();
  const event = rotationEvent({ id, ...wish, environment: workspace.configuration.environment }, false);
  const { plan, values } = await failuresOnRecord(workspace, event, async () => {
    const planned = await planOf(wish, tenants, session, workspace).catch((error: unknown) => explainComment(error, wish, workspace));
    if (!args.flag('json')) showPlan(planned, session);
    refuse(planned, tenants, args, workspace);
    const chosen = await newValues(wish, session);
    const command = args.text('verify-command');
    confirm(args, session, `Rotate ${wish.names.join(' ')} in ${counted(planned.files.length, 'file')}, and restart ${counted(planned.services.filter(({ was }) => was === 'up').length, 'service')}?`);
    prepareRotationLog(workspace);
    if (command !== undefined) await verifyNewValue(command, chosen[wish.names[0]!]!, await childEnvironment(workspace, session));
    return { plan: planned, values: chosen };
  });
  const status = await carryOut(event, args, session, workspace, async (place) => {
    const { record, prepared } = await newRecord(id, wish, plan, values, args, session, workspace, place);
    const journal = await Journal.begin(records, record, values, () => place.ring(), workspace.stateDirectory);
    return rotateCredential(journal, place, false, prepared);
  });
  warnOfNewlySet(plan, tenants, session);
  return status;
}

/** A tenant that got the shared value may have one of its own by now, from an edit of its open .env: the plan could not know. */
function warnOfNewlySet({ files }: RotationPlan, tenants: readonly Tenant[], { terminal }: Session): void {
  for (const { names, feeds } of files.filter(({ tenant }) => tenant === '')) {
    for (const { name, encryptedFile } of tenants.filter((one) => feeds.includes(one.name))) {
      const set = names.filter((variable) => holds(encryptedFile, [variable]) && !files.some((file) => file.path === encryptedFile && file.names.includes(variable)));
      if (set.length > 0) terminal.warn(`${name} sets ${set.join(', ')} itself by now, and keeps that value: rotate it there with --scope ${name}`);
    }
  }
}

/** What speaks against it before anything is asked or opened. */
function refuse(plan: RotationPlan, tenants: readonly Tenant[], args: Arguments, { configuration }: Workspace): void {
  const force = args.flag('force');
  const now = new Date();
  refuseOutsideWindow(configuration.maintenanceWindow, now, force);
  const restarted = plan.services.filter(({ was }) => was === 'up').map(({ tenant }) => tenant);
  for (const { name, window } of tenants) if (restarted.includes(name)) refuseOutsideWindow(window, now, force);
  const missing = plan.services.filter(({ was }) => was === 'missing').map(({ unit }) => unit);
  if (missing.length > 0 && !force) {
    throw new LockfastError('service-missing', `systemd knows no unit ${listed(missing)}`, 'check the setting `service`, or install the unit; with --force the files change all the same');
  }
  const canary = args.text('canary');
  const first = plan.services.find(({ tenant }) => tenant === canary);
  if (canary !== undefined && plan.services.length > 0 && first?.was !== 'up') {
    throw new LockfastError('usage', 'secret rotate: the canary has no service that runs and gets this value', 'name a tenant of the plan whose service is up');
  }
  const [unread] = plan.unread;
  if (unread !== undefined && !args.flag('keep-going')) {
    throw new LockfastError('rotation-incomplete', `nobody can tell whether ${unread.what} sets it: ${unread.why}`, 'mend that file; or go on without it with --keep-going');
  }
}

async function newValues({ names, generate, length }: Wish, session: Session): Promise<Record<string, string>> {
  if (generate) return Object.fromEntries(names.map((name) => [name, generatedValue(length)]));
  const value = await readValue(names[0]!, session);
  if (value === '') throw new LockfastError('usage', 'secret rotate: the new value is empty', 'send it on standard input, or type it; to make a variable empty: lockfast env set');
  if (holdsRootKey(value)) throw new LockfastError('root-key-in-env', 'the new value is a root key of Lockfast', 'it must not stand in an env file: whoever reads that opens everything');
  return { [names[0]!]: value };
}

/** The program gets no key of ours: it only has to see the value. */
async function childEnvironment(workspace: Workspace, { environment }: Session): Promise<NodeJS.ProcessEnv> {
  const secret = new Set(await workspace.secretVariables());
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secret.has(name)));
}

/** @throws LockfastError of the first file that can't take the value, unless --keep-going */
async function newRecord(
  id: string,
  wish: Wish,
  plan: RotationPlan,
  values: Readonly<Record<string, string>>,
  args: Arguments,
  session: Session,
  workspace: Workspace,
  place: CredentialPlace,
): Promise<{ readonly record: Omit<CredentialRotation, 'sealed'> } & Pick<Examination, 'prepared'>> {
  const dialect = workspace.dialect(args);
  const { files, unchanged, failures, prepared, alsoIn } = await examine(plan.files, (name) => values[name]!, dialect, place);
  for (const { path, names } of alsoIn) session.terminal.warn(`${path}: the old value stands in ${names.join(', ')}, too, and stays there: change them as well`);
  const keepGoing = args.flag('keep-going');
  const [failure] = failures;
  if (failure !== undefined && !keepGoing) {
    throw new LockfastError(failure.code as LockfastError['code'], failure.why, 'nothing was changed; mend that file, or go on without it with --keep-going');
  }
  const changing = new Set(files.map(({ path }) => path));
  const record: Omit<CredentialRotation, 'sealed'> = {
    format: RECORD_FORMAT,
    id,
    status: 'open',
    environment: place.ring().environment,
    names: wish.names,
    scope: wish.scope,
    actor: personBehind(session).name,
    reason: wish.reason,
    started: new Date(systemClock.now()).toISOString(),
    ended: null,
    durationMs: null,
    dialect,
    canary: args.text('canary') ?? null,
    parallel: wish.parallel,
    keepGoing,
    generated: wish.generate,
    graceMs: wish.graceMs,
    revokeAfter: null,
    files,
    // A service whose files stay as they are has nothing new to read.
    services: plan.services.map((service) => ({ ...service, files: service.files.filter((path) => changing.has(path)) })).filter((service) => service.files.length > 0),
    unchanged,
    failures: [...plan.unread, ...failures],
    orderedBack: null,
  };
  return { record, prepared };
}

async function dryRun(wish: Wish, tenants: readonly Tenant[], args: Arguments, session: Session, workspace: Workspace): Promise<number> {
  const begun = openCredentialRotation(credentialRecords(workspace));
  const plan = wish.names.length === 0 ? undefined : await planOf(wish, tenants, session, workspace);
  if (args.flag('json')) {
    session.terminal.json({ dryRun: true, resumes: begun?.id ?? null, names: wish.names, scope: wish.scope, others: wish.others, ...plan });
    return 0;
  }
  if (begun !== undefined) session.terminal.line(`would first ${begun.status === 'open' ? 'finish' : 'roll back'} the rotation ${begun.id} of ${begun.names.join(' ')} (${begun.scope}), and only that`);
  if (plan !== undefined) showPlan(plan, session);
  if (wish.others.length > 0) session.terminal.line(`only their issuers can replace: ${listed(wish.others.map(({ name }) => name))}`);
  session.terminal.line('nothing was changed');
  return 0;
}
