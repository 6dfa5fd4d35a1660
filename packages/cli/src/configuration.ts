/** `lockfast.toml`: where it is found, what may stand in it. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { DIALECT_NAMES, type Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import type { FleetSettings, TenantSettings } from '@lockfast/fleet';
import type { WitnessSettings } from '@lockfast/ledger/witnesses';
import type { RuleName, RuleOverride, Severity } from '@lockfast/watch/rule-names';
import { parse, type TomlTable, type TomlValue } from 'smol-toml';

import type { Session } from './session.ts';
import { SETTINGS, type Setting } from './settings.ts';

export const CONFIGURATION_FILE = 'lockfast.toml';
const SYSTEM_CONFIGURATION = `/etc/lockfast/${CONFIGURATION_FILE}`;

export interface Configuration {
  /** The file, absolute. Relative paths in it start at its directory. */
  readonly file: string;
  readonly environment: string;
  readonly keyring: string;
  readonly keySources: readonly string[];
  /** Those of the file, also when LOCKFAST_KEY_SOURCE stands in for them. */
  readonly namedSources: readonly string[];
  readonly dialect: Dialect;
  /** `[tenants]` and `[tenant.NAME]`; undefined where there is no `path`. */
  readonly fleet: FleetSettings | undefined;
  /** `sqlite:` and an absolute path, or a PostgreSQL URL. */
  readonly ledger: string | undefined;
  /** The variable that the ledger's place is read from, which may hold a password. */
  readonly ledgerVariable: string | undefined;
  readonly roles: Readonly<Partial<Record<Role, readonly string[]>>> | undefined;
  /** As written, for example `90d`. */
  readonly schedule: { readonly rotate?: string; readonly departure?: string };
  readonly approvals: { readonly key?: number };
  /** Local time, for example `Sun 02:00-04:00`. */
  readonly maintenanceWindow: string | undefined;
  readonly textLog: string | undefined;
  readonly rotationLog: string | undefined;
  readonly backups: { readonly directory: string; readonly keep: string };
  readonly guard: GuardSettings;
  readonly witnesses: readonly WitnessSettings[];
  /** `[databases]` and `[[columns]]` as written: what they mean, and whether they fit together, `declaredColumns` tells. */
  readonly databases: Readonly<Record<string, DatabaseSettings>>;
  readonly columns: readonly ColumnSettings[];
  /** `[[blind-indexes]]` as written: `declaredIndexes` tells what they mean. */
  readonly blindIndexes: readonly BlindIndexSettings[];
  readonly mask: MaskSettings;
  readonly alerts: AlertSettings;
}

/** `[mask]`: names, with `*` for any characters. */
export interface MaskSettings {
  readonly names?: readonly string[];
  readonly except?: readonly string[];
}

/** `[guard]`. */
export interface GuardSettings {
  readonly encrypted: 'committed' | 'ignored';
  /** The guard file, absolute. */
  readonly file: string;
  /** Variables whose values are no secrets. */
  readonly public: readonly string[];
}

/** `[alerts]`, as written. */
interface AlertSettings {
  readonly users?: readonly string[];
  readonly every?: string;
  readonly keep?: string;
  readonly rules?: Readonly<Partial<Record<RuleName, RuleOverride>>>;
  readonly channels: readonly ChannelSettings[];
}

/** One `[[alerts.channels]]`: exactly one of {@link CHANNEL_KINDS}. */
export interface ChannelSettings {
  readonly name?: string;
  readonly webhook?: string;
  readonly secret?: string;
  readonly slack?: string;
  readonly smtp?: string;
  readonly password?: string;
  readonly from?: string;
  readonly to?: readonly string[];
  readonly syslog?: string;
  readonly command?: readonly string[];
  readonly severity?: Severity;
}

/** One `[databases.NAME]`. */
interface DatabaseSettings {
  readonly url: string;
  /** The table of running applications. */
  readonly instances?: string;
}

/** One `[[columns]]`. */
export interface ColumnSettings {
  readonly id: string;
  readonly database: string;
  readonly table: string;
  readonly column: string;
  readonly path?: readonly string[];
  readonly key?: string | readonly string[];
  readonly context?: readonly string[];
  readonly 'tenant-key'?: 'shared' | 'own';
  readonly tenant?: string;
  readonly format?: 'lfv1' | 'fernet';
  readonly as?: 'text' | 'bytes' | 'json';
  readonly title?: string;
  readonly label?: string;
  readonly 'fernet-keys'?: readonly string[];
  readonly set?: Readonly<Record<string, string>>;
}

/** One `[[blind-indexes]]`. */
export interface BlindIndexSettings {
  readonly id: string;
  /** The id of a column. */
  readonly of: string;
  readonly column: string;
  readonly normalise?: 'none' | 'case-and-width';
  readonly bits?: number;
  readonly context?: readonly string[];
  readonly 'few-values'?: boolean;
}

export type Role = 'admin' | 'operator' | 'auditor';

export const CHANNEL_KINDS = ['webhook', 'slack', 'smtp', 'syslog', 'command'] as const;

const WITNESS_KINDS = ['directory', 'git', 'http', 'command'] as const;

/** @throws LockfastError `config-missing`, `config-invalid` */
export function loadConfiguration(given: string | undefined, { directory, environment }: Session): Configuration {
  const file = given === undefined ? findUpward(directory) : resolve(directory, given);
  if (file === undefined || !existsSync(file)) {
    throw new LockfastError(
      'config-missing',
      given === undefined ? `there is no ${CONFIGURATION_FILE} here or above, and no ${SYSTEM_CONFIGURATION}` : 'the file that --config names does not exist',
      given === undefined ? 'run `lockfast init` where the project begins, or change into the project' : 'check the path',
    );
  }
  const table = read(file);
  check(table, SETTINGS, file, '');
  const override = environment['LOCKFAST_KEY_SOURCE'];
  const at = (path: unknown): string => resolve(dirname(file), path as string);
  return {
    file,
    environment: table['environment'] as string,
    keyring: resolve(dirname(file), table['keyring'] as string),
    keySources: override === undefined || override === '' ? listed(table['key-source']) : override.split(/\s+/).filter((uri) => uri !== ''),
    namedSources: listed(table['key-source']),
    dialect: (table['dialect'] as Dialect | undefined) ?? 'node',
    fleet: fleetSettings(table['tenants'] as TomlTable | undefined, table['tenant'] as TomlTable | undefined, file, at),
    ledger: ledgerPlace(environment, table['ledger'] as string | undefined, at),
    ledgerVariable: ledgerVariable(table['ledger'] as string | undefined),
    ...laterSettings(table, file, at),
  };
}

function fleetSettings(tenants: TomlTable | undefined, each: TomlTable | undefined, file: string, at: (path: unknown) => string): FleetSettings | undefined {
  if (tenants?.['path'] === undefined) {
    if (each !== undefined || (tenants !== undefined && Object.keys(tenants).length > 0)) throw invalid(file, 'tenants.path is missing', 'say where the tenants are, for example path = "/srv/tenants/{tenant}"');
    return undefined;
  }
  const { path, extends: shared, ...rest } = tenants;
  return { ...(rest as TenantSettings), path: at(path), ...(shared === undefined ? {} : { extends: at(shared) }), ...(each === undefined ? {} : { each: each as Readonly<Record<string, TenantSettings>> }) };
}

/** What most starts of `run` have no use for. */
function laterSettings(table: TomlTable, file: string, at: (path: unknown) => string): Pick<Configuration, 'roles' | 'schedule' | 'approvals' | 'maintenanceWindow' | 'textLog' | 'rotationLog' | 'backups' | 'guard' | 'witnesses' | 'databases' | 'columns' | 'blindIndexes' | 'mask' | 'alerts'> {
  const part = (name: string): TomlTable => (table[name] as TomlTable | undefined) ?? {};
  const { text: log, rotations } = part('log');
  const witnesses = (table['witnesses'] as unknown as readonly WitnessSettings[] | undefined) ?? [];
  for (const witness of witnesses) {
    if (WITNESS_KINDS.filter((kind) => witness[kind] !== undefined).length !== 1) {
      throw invalid(file, 'each [[witnesses]] has exactly one of directory, git, http and command', 'write one [[witnesses]] for each');
    }
  }
  if (table['roles'] !== undefined && part('roles')['admin'] === undefined) throw invalid(file, 'roles.admin is missing', 'say who may change keys, or remove [roles]');
  return {
    roles: table['roles'] as Configuration['roles'],
    schedule: part('schedule'),
    approvals: part('approvals'),
    maintenanceWindow: part('maintenance')['window'] as string | undefined,
    textLog: log === undefined ? undefined : at(log),
    rotationLog: rotations === undefined ? undefined : at(rotations),
    backups: { directory: at(part('backups')['directory'] ?? '.lockfast/backups'), keep: (part('backups')['keep'] as string | undefined) ?? '30d' },
    guard: { encrypted: (part('guard')['encrypted'] as GuardSettings['encrypted'] | undefined) ?? 'committed', file: at(part('guard')['file'] ?? '.lockfast/guard.json'), public: (part('guard')['public'] ?? []) as unknown as readonly string[] },
    witnesses: witnesses.map((witness) => (witness.directory === undefined ? witness : { ...witness, directory: at(witness.directory) })),
    databases: (table['databases'] ?? {}) as unknown as Configuration['databases'],
    mask: part('mask'),
    columns: (table['columns'] ?? []) as unknown as readonly ColumnSettings[],
    blindIndexes: (table['blind-indexes'] ?? []) as unknown as readonly BlindIndexSettings[],
    alerts: alertSettings(table['alerts'] as TomlTable | undefined, file),
  };
}

function alertSettings(alerts: TomlTable | undefined, file: string): AlertSettings {
  const { channels = [], ...rest } = (alerts ?? {}) as unknown as Partial<AlertSettings>;
  const names = new Set<string>();
  for (const channel of channels) {
    const kinds = CHANNEL_KINDS.filter((kind) => channel[kind] !== undefined);
    if (kinds.length !== 1) throw invalid(file, `each [[alerts.channels]] has exactly one of ${CHANNEL_KINDS.join(', ')}`, 'write one [[alerts.channels]] for each');
    if (channel.webhook !== undefined && channel.secret === undefined) throw invalid(file, 'a channel with webhook has no secret', 'add secret = "file:PATH", which whoever gets it verifies it with');
    if (channel.smtp !== undefined && channel.to === undefined) throw invalid(file, 'a channel with smtp has no to', 'add to = ["ops@example.com"]');
    const name = channel.name ?? kinds[0]!;
    if (names.has(name)) throw invalid(file, `two [[alerts.channels]] are called ${name}`, 'give each its own name');
    names.add(name);
  }
  return { ...rest, channels };
}

/**
 * LOCKFAST_LEDGER names another place, for a machine that may not write in the project. There is no value that turns the
 * ledger off: what is not to be recorded is decided in the file, where others see it.
 */
function ledgerPlace(environment: Session['environment'], named: string | undefined, at: (path: unknown) => string): string | undefined {
  const variable = ledgerVariable(named);
  const override = environment['LOCKFAST_LEDGER'];
  const given = override !== undefined && override !== '' ? override : variable === undefined ? named : (environment[variable] ?? '');
  if (given === undefined) return undefined;
  if (/^sqlite:./.test(given)) return `sqlite:${at(given.slice('sqlite:'.length))}`;
  if (/^postgres(?:ql)?:\/\/./.test(given)) return given;
  throw new LockfastError('config-invalid', `${given === override ? 'LOCKFAST_LEDGER' : variable!} does not hold the place of the ledger`, 'set it to sqlite:PATH or to the URL of a PostgreSQL database');
}

function ledgerVariable(named: string | undefined): string | undefined {
  return named?.startsWith('env:') === true ? named.slice('env:'.length) : undefined;
}

export function findUpward(directory: string): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, CONFIGURATION_FILE);
    if (existsSync(file)) return file;
    if (at === dirname(at)) return existsSync(SYSTEM_CONFIGURATION) ? SYSTEM_CONFIGURATION : undefined;
  }
}

function read(file: string): TomlTable {
  const text = readRegularFile(file, 'follow', 1024 * 1024).bytes.toString('utf8');
  try {
    return parse(text);
  } catch (error) {
    const line = (error as { line?: number }).line;
    throw new LockfastError('config-invalid', `${file}${line === undefined ? '' : `, line ${line}`}: this is not TOML`, 'see https://toml.io for how it is written');
  }
}

/** Every name must be known: a misspelt setting that is ignored is a setting that protects nothing. */
function check(table: TomlTable, settings: Readonly<Record<string, Setting>>, file: string, path: string): void {
  for (const [name, value] of Object.entries(table)) {
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined) {
      throw invalid(file, `${path}${/^[A-Za-z0-9_-]{1,40}$/.test(name) ? name : 'a name'} is not a setting`, `it takes: ${Object.keys(settings).join(', ')}`);
    }
    if (setting.keyed === true) {
      const tables = isTable(value) ? Object.values(value) : [value];
      if (!tables.every(isTable)) throw invalid(file, `${path}${name} must be a table of tables`, `write [${path}${name}.NAME] and its settings below`);
      for (const one of tables) check(one, setting.table!, file, `${path}${name}.NAME.`);
    } else if (setting.table !== undefined) {
      const repeated = setting.repeated === true;
      const tables = repeated && Array.isArray(value) ? value : [value];
      if (Array.isArray(value) !== repeated || !tables.every(isTable)) {
        throw invalid(file, `${path}${name} must be ${repeated ? 'a list of tables' : 'a table'}`, `write ${repeated ? `[[${path}${name}]]` : `[${path}${name}]`} and its settings below`);
      }
      for (const one of tables) check(one, setting.table, file, `${path}${name}${repeated ? idOf(one) : ''}.`);
    } else if (!setting.accepts(value)) {
      throw invalid(file, `${path}${name} is not ${setting.what}`, 'see the table of settings in docs/configuration.md');
    }
  }
  for (const [name, setting] of Object.entries(settings)) {
    if (setting.required === true && table[name] === undefined) throw invalid(file, `${path}${name} is missing`, `add it: ${setting.what}`);
  }
}

/** Which of several tables it is, where it has a name that can be shown. */
function idOf({ id }: TomlTable): string {
  return typeof id === 'string' && /^[a-z][a-z0-9_.]{0,127}$/.test(id) ? `[${id}]` : '';
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
}

function listed(value: TomlValue | undefined): readonly string[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as string[]) : [value as string];
}

function invalid(file: string, what: string, hint: string): LockfastError {
  return new LockfastError('config-invalid', `${file}: ${what}`, hint);
}

export { DIALECT_NAMES };
