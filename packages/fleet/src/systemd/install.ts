/** Puts a tenant's unit under Lockfast, and takes it out again. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

import { parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import { accountOf } from '../account.ts';
import type { Tenant } from '../fleet.ts';
import { CREDENTIAL_UNIT, credentialUnit, DROP_IN, DROP_IN_HEAD, dropInFor, type PlainUnit } from './drop-in.ts';
import type { Installation } from './installation.ts';
import type { ServiceManager, UnitState } from './service-manager.ts';
import { serviceTemplate, UNIT_HEAD } from './service-template.ts';
import { hasHead, removeUnit, type UnitFile, writeUnits } from './unit-files.ts';
import { ServiceSettings } from './unit-text.ts';

const execute = promisify(execFile);
const NOBODY = 65_534;

/** What {@link installTenant} would write. Nothing is written. @throws LockfastError as it */
export async function plannedInstallation(tenant: Tenant, installation: Installation, manager: ServiceManager, command?: string): Promise<readonly UnitFile[]> {
  const name = serviceOf(tenant);
  const [state] = await manager.states([name]);
  const own = command === undefined ? undefined : newUnit(tenant, command, state!, installation);
  if (own === undefined && state!.load !== 'loaded') {
    throw new LockfastError('service-missing', `${name} is ${state!.load === 'not-found' ? 'no unit that systemd knows' : state!.load}`, `make it, or let it be made: lockfast tenant install ${tenant.name} --exec COMMAND`);
  }
  const texts = own === undefined ? state!.files.filter((path) => !isOurs(path)).map((path) => readFileSync(path, 'utf8')) : [own.text];
  const settings = new ServiceSettings(texts);
  const uid = settings.flag('DynamicUser') ? undefined : uidOf(settings.text('User') === '' ? '' : own === undefined ? state!.user : settings.text('User'), name, installation);
  const unit: PlainUnit = { name, settings, uid, variables: namesIn(tenant) };
  if (tenant.way !== 'credential') refuseCredentialKey(tenant, installation);
  const text = dropInFor(tenant, unit, installation);
  if (tenant.way === 'run') await refuseUnexecutable(unit, installation);
  return [
    ...(own === undefined ? [] : [own]),
    ...(tenant.way === 'credential' ? [{ path: join(installation.unitDirectory, CREDENTIAL_UNIT), text: credentialUnit(installation) }] : []),
    { path: join(installation.unitDirectory, `${name}.d`, DROP_IN), text },
  ];
}

/**
 * Writes the drop-in of the tenant's way, and lets systemd read it. It counts from the service's next start. Of the user's
 * own unit file nothing is changed.
 *
 * @param command for a tenant without a unit: what the new one runs, as `ExecStart=` has it
 * @returns the files that are there now, and whether any of them is new or other than before
 * @throws LockfastError `service-missing`; `usage` for a unit that can't be served this way; `command-not-executable` where
 *   the unit's account can't run lockfast; `exists` where a unit is to be made that is there; `permission-denied`
 */
export async function installTenant(tenant: Tenant, installation: Installation, manager: ServiceManager, command?: string): Promise<{ readonly files: readonly string[]; readonly changed: boolean }> {
  const planned = await plannedInstallation(tenant, installation, manager, command);
  const changed = writeUnits(planned);
  if (changed.length > 0) await manager.reload();
  return { files: planned.map(({ path }) => path), changed: changed.length > 0 };
}

/**
 * Takes the drop-in away. It counts from the service's next start.
 *
 * @param ownUnit a unit that Lockfast made goes as well, or stays, where the service goes on without Lockfast
 */
export async function uninstallTenant(tenant: Tenant, installation: Installation, manager: ServiceManager, ownUnit: 'goes' | 'stays' = 'goes'): Promise<{ readonly removed: readonly string[] }> {
  const name = serviceOf(tenant);
  const { unitDirectory } = installation;
  const directory = join(unitDirectory, `${name}.d`);
  const unit = join(unitDirectory, name);
  const candidates = [join(directory, DROP_IN), ...(ownUnit === 'goes' && hasHead(unit, UNIT_HEAD) ? [unit] : [])];
  const removed = candidates.filter((path) => removeUnit(path));
  if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory);
  const opener = join(unitDirectory, CREDENTIAL_UNIT);
  if (hasHead(opener, DROP_IN_HEAD) && !isUsed(unitDirectory) && removeUnit(opener)) removed.push(opener);
  if (removed.length > 0) await manager.reload();
  return { removed };
}

/** The way that a tenant's unit is installed for now; undefined where it is not. */
export function installedWay(tenant: Tenant, { unitDirectory }: Pick<Installation, 'unitDirectory'>): string | undefined {
  const path = join(unitDirectory, `${serviceOf(tenant)}.d`, DROP_IN);
  return existsSync(path) ? /^# Tenant .*, way ([a-z]+)\.$/m.exec(readFileSync(path, 'utf8'))?.[1] : undefined;
}

function newUnit(tenant: Tenant, command: string, state: UnitState, { unitDirectory, scope, rootKey }: Installation): UnitFile | undefined {
  const name = serviceOf(tenant);
  const path = join(unitDirectory, name);
  if (/[\p{Cc}]/u.test(command)) throw new LockfastError('usage', 'the command of a unit is one line', 'write it as ExecStart= has it');
  const text = serviceTemplate(tenant, command, scope === 'user' ? undefined : (tenant.user ?? rootKey.user));
  if (state.load !== 'not-found' && !hasHead(path, UNIT_HEAD)) throw new LockfastError('exists', `${name} exists, and Lockfast did not make it`, 'install it without --exec: its own command line stays');
  return { path, text };
}

function serviceOf({ name, service }: Tenant): string {
  if (service === undefined) throw new LockfastError('service-missing', `the tenant ${name} has no service`, 'set `service` in [tenants], for example service = "{tenant}.service"');
  if (!service.endsWith('.service')) throw new LockfastError('usage', `${service} is no service`, 'name the service that runs the program');
  return service;
}

function uidOf(user: string, unit: string, { scope, rootKey }: Installation): number {
  if (scope === 'user') return rootKey.uid;
  if (user === '') return 0;
  const account = accountOf(user);
  if (account === undefined) throw new LockfastError('usage', `${unit} runs as an account that does not exist`, 'make the account first, or correct User=');
  return account.uid;
}

/** An encrypted file shows its names. A file that can't be read is another command's to complain about. */
function namesIn({ encryptedFile }: Tenant): ReadonlySet<string> {
  try {
    return new Set(parseFile(readRegularFile(encryptedFile, 'refuse').bytes, encryptedFile).lines.map(({ name }) => name));
  } catch {
    return new Set();
  }
}

/** Loaded into the unit, the root key would be the service's to read, and with it every tenant's secrets. */
function refuseCredentialKey({ name, way }: Tenant, { rootKey: { credential } }: Installation): void {
  if (credential === undefined) return;
  throw new LockfastError('usage', `the root key is a systemd credential, and with way = "${way}" the service of ${name} could read it`, 'choose way = "credential", or keep the root key in a file that root alone can read');
}

/** Tried, as that account: paths, permissions, `noexec` and Node itself. */
async function refuseUnexecutable({ name, settings, uid }: PlainUnit, installation: Installation): Promise<void> {
  const [program, ...rest] = installation.lockfast;
  const refused = (why: string, cause?: unknown): LockfastError =>
    new LockfastError('command-not-executable', `${name} could not run ${program}: ${why}`, 'install Lockfast where every account can run it, for example in /opt/lockfast', cause);
  const home = installation.lockfast.find((path) => /^\/(?:home|root|run\/user)\//.test(path));
  if (home !== undefined && ['yes', 'tmpfs', 'true', 'on', '1'].includes(settings.text('ProtectHome'))) throw refused(`it hides ${home} (ProtectHome=)`);
  // An account that systemd makes at the start is nobody in particular.
  const account = uid ?? NOBODY;
  if (installation.seenToRun.has(account)) return;
  const as = installation.scope === 'user' ? {} : { uid: account, gid: accountOf(String(account))?.gid ?? account };
  try {
    await execute(program!, [...rest, '--help'], { ...as, cwd: '/', env: { PATH: '/usr/bin:/bin' } });
  } catch (error) {
    throw refused('its account may not, or it does not start', error);
  }
  installation.seenToRun.add(account);
}

function isOurs(path: string): boolean {
  return basename(path) === DROP_IN && hasHead(path, DROP_IN_HEAD);
}

function isUsed(unitDirectory: string): boolean {
  return readdirSync(unitDirectory).some((name) => name.endsWith('.service.d') && existsSync(join(unitDirectory, name, DROP_IN)) && readFileSync(join(unitDirectory, name, DROP_IN), 'utf8').includes('lockfast-credential@'));
}
