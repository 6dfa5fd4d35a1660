/** What a rotation is about: which files set the name, which services these feed. Names are visible, so it needs no key. */
import { MOST_FILE_BYTES, parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, shownPath } from '@lockfast/core/files';

import type { Tenant } from '../fleet.ts';
import type { ServiceManager } from '../systemd/service-manager.ts';
import { see } from '../tenant-files.ts';
import type { RotatedFile, RotatedService, RotationFailure } from './record.ts';

/** An encrypted env file, and whose it is; the tenant is empty for the shared one. */
export interface FleetFile {
  readonly path: string;
  readonly tenant: string;
}

export interface PlanRequest {
  readonly names: readonly string[];
  /** `all`, `shared` or a tenant's name. */
  readonly scope: string;
  readonly tenants: readonly Tenant[];
  /** The file that all share, absolute; undefined where nothing is shared. */
  readonly shared: string | undefined;
  /** Every encrypted env file of the tenants, and the shared one. */
  readonly files: readonly FleetFile[];
  /** Directories of tenants that can't be listed: what is in them nobody can tell. */
  readonly unlisted: readonly FleetFile[];
  readonly manager: ServiceManager | undefined;
}

export interface PlannedFile extends RotatedFile {
  /** What a person should know of how it is set there: `twice`, `with export`. */
  readonly notes: readonly string[];
  /** Tenants whose service gets its value from here. */
  readonly feeds: readonly string[];
}

export interface RotationPlan {
  readonly files: readonly PlannedFile[];
  readonly services: readonly RotatedService[];
  /** Files of the scope whose names can't be read: whether they set it nobody can tell. */
  readonly unread: readonly RotationFailure[];
  /** Tenants of the scope that do not have the variable at all. */
  readonly without: readonly string[];
  /** Tenants of the scope with an env file in plaintext, which no rotation changes: it may keep the old value. */
  readonly plaintext: readonly string[];
  /** Services that nothing here can restart: there is no service manager. */
  readonly unmanaged: readonly string[];
}

/** @throws LockfastError `no-such-tenant`, `no-such-variable`, `usage`; `tool-failed` when the service manager does not answer */
export async function planRotation(request: PlanRequest): Promise<RotationPlan> {
  const { names, scope, tenants, shared, manager } = request;
  const tenant = scope === 'all' || scope === 'shared' ? undefined : tenants.find(({ name }) => name === scope);
  if (scope === 'shared' && shared === undefined) throw new LockfastError('usage', 'there is no shared file: [tenants] has no `extends`', 'give --scope all or the name of a tenant');
  if (scope !== 'all' && scope !== 'shared' && tenant === undefined) throw new LockfastError('no-such-tenant', 'there is no tenant of the name that --scope gives', 'see `lockfast tenant list`; or give --scope all or shared');
  const unread = request.unlisted.filter((one) => isInScope(one, scope)).map(({ path, tenant: of }): RotationFailure => ({ what: path, tenant: of, code: 'permission-denied', why: `${shownPath(path)} can not be listed` }));
  const settings = new Map<string, Map<string, Setting>>();
  for (const file of request.files) {
    try {
      settings.set(file.path, settingsIn(file.path));
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      if (isInScope(file, scope)) unread.push({ what: file.path, tenant: file.tenant, code: error.code, why: error.message });
    }
  }
  const sets = (path: string, name: string): boolean => settings.get(path)?.has(name) ?? false;
  const files = request.files
    .filter((file) => isInScope(file, scope) && names.some((name) => sets(file.path, name)))
    .map((file): PlannedFile => {
      const own = names.filter((name) => sets(file.path, name));
      const feeds = file.tenant === '' ? tenants.filter(({ encryptedFile }) => own.some((name) => !sets(encryptedFile, name))).map(({ name }) => name) : [file.tenant];
      return { ...file, names: own, notes: own.flatMap((name) => notesOn(settings.get(file.path)!.get(name)!)), feeds };
    });
  const has = ({ encryptedFile }: Tenant): boolean => names.some((name) => sets(encryptedFile, name) || (shared !== undefined && sets(shared, name)));
  if (files.length === 0 && unread.length === 0) throw nowhere(names, scope, tenant !== undefined && has(tenant));
  const fed = new Set(files.flatMap(({ feeds }) => feeds));
  const affected = tenants.filter(({ name, service }) => fed.has(name) && service !== undefined);
  return {
    files,
    services: manager === undefined ? [] : await servicesOf(affected, files, manager),
    unread,
    without: scope === 'all' ? tenants.filter((one) => settings.has(one.encryptedFile) && !has(one)).map(({ name }) => name) : [],
    plaintext: tenants.filter((one) => (tenant === undefined || one === tenant) && hasPlaintext(one)).map(({ name }) => name),
    unmanaged: manager === undefined ? affected.map(({ service }) => service!) : [],
  };
}

function hasPlaintext({ plainFile }: Tenant): boolean {
  try {
    const seen = see(plainFile);
    return seen?.kind === 'file' && seen.size > 0;
  } catch {
    return false;
  }
}

/** How often a file sets a name, and whether a shell's `export` stands before it. */
interface Setting {
  times: number;
  exported: boolean;
}

function settingsIn(path: string): Map<string, Setting> {
  const found = new Map<string, Setting>();
  for (const { kind, name } of parseFile(readRegularFile(path, 'follow', MOST_FILE_BYTES).bytes, shownPath(path)).lines) {
    if (kind === 'other') continue;
    const setting = found.get(name) ?? { times: 0, exported: false };
    found.set(name, { times: setting.times + 1, exported: setting.exported || kind === 'export' });
  }
  return found;
}

function notesOn({ times, exported }: Setting): string[] {
  return [...(times === 1 ? [] : [times === 2 ? 'set twice, both change' : `set ${times} times, all change`]), ...(exported ? ['with export, which stays'] : [])];
}

function isInScope({ tenant }: FleetFile, scope: string): boolean {
  return scope === 'all' || (scope === 'shared' ? tenant === '' : tenant === scope);
}

/** One for each unit: several tenants may have the same. */
async function servicesOf(tenants: readonly Tenant[], files: readonly PlannedFile[], manager: ServiceManager): Promise<RotatedService[]> {
  const units = Map.groupBy(tenants, ({ service }) => service!);
  const feeding = Map.groupBy(files.flatMap(({ path, feeds }) => feeds.map((tenant) => ({ path, tenant }))), ({ tenant }) => tenant);
  const states = await manager.states([...units.keys()]);
  return states.map(({ unit, load, active, sub, mainPid }): RotatedService => {
    // One that is restarted again and again was not well before, and says nothing about the new value.
    const up = active === 'active' || active === 'reloading' || (active === 'activating' && sub !== 'auto-restart');
    const fed = units.get(unit)!;
    const paths = new Set(fed.flatMap(({ name }) => feeding.get(name) ?? []).map(({ path }) => path));
    return { tenant: fed[0]!.name, unit, files: [...paths], was: load !== 'loaded' ? 'missing' : up ? 'up' : 'down', mainPid, state: 'waiting', why: null, durationMs: null };
  });
}

function nowhere(names: readonly string[], scope: string, inherited: boolean): LockfastError {
  const [name] = names as [string];
  if (inherited) {
    return new LockfastError('no-such-variable', `${scope} has ${name} from the shared file, and does not set it itself`, 'rotate it for all with --scope shared; or give this tenant its own with `lockfast env set` first');
  }
  return new LockfastError('no-such-variable', `no file of the scope ${scope} sets ${name}`, 'see `lockfast env list` for the names that a file sets');
}
