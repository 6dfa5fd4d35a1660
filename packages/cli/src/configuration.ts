/** `lockfast.toml`: where it is found, what may stand in it. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { DIALECT_NAMES, type Dialect } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
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
  /** `[tenants] path`, with `{tenant}` in it; a tenant's directory. */
  readonly tenantPath: string | undefined;
}

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
  const tenants = table['tenants'] as TomlTable | undefined;
  return {
    file,
    environment: table['environment'] as string,
    keyring: resolve(dirname(file), table['keyring'] as string),
    keySources: override === undefined || override === '' ? listed(table['key-source']) : override.split(/\s+/).filter((uri) => uri !== ''),
    namedSources: listed(table['key-source']),
    dialect: (table['dialect'] as Dialect | undefined) ?? 'node',
    tenantPath: tenants?.['path'] === undefined ? undefined : resolve(dirname(file), tenants['path'] as string),
  };
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
    if (setting.table !== undefined) {
      if (!isTable(value)) throw invalid(file, `${path}${name} must be a table`, `write [${path}${name}] and its settings below`);
      check(value, setting.table, file, `${path}${name}.`);
    } else if (!setting.accepts(value)) {
      throw invalid(file, `${path}${name} is not ${setting.what}`, 'see the table of settings in docs/configuration.md');
    }
  }
  for (const [name, setting] of Object.entries(settings)) {
    if (setting.required === true && table[name] === undefined) throw invalid(file, `${path}${name} is missing`, `add it: ${setting.what}`);
  }
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);
}

function listed(value: TomlValue | undefined): readonly string[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as string[]) : [value as string];
}

function invalid(file: string, what: string, hint: string): LockfastError {
  return new LockfastError('config-invalid', `${file}: ${what}`, hint);
}

export { DIALECT_NAMES };
