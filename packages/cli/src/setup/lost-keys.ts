/**
 * What is lost with the keys, for whoever must enter it again. It needs no key: in an encrypted file tenant, key id and
 * names stand in clear.
 */
import { MOST_FILE_BYTES, parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import type { KeyRing } from '@lockfast/core/keyring';
import { tenantOf } from '@lockfast/fleet/tenant-path';

import type { Configuration } from '../configuration.ts';
import { encryptedEnvFiles } from '../env-files.ts';
import { counted, type Terminal } from '../terminal.ts';
import { type Check, failure } from './check.ts';

export interface LostFile {
  readonly file: string;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
  /** The key that it is encrypted under; absent where the file is damaged. */
  readonly key?: string;
  /** Names, each once, in the order of the file. */
  readonly variables: readonly string[];
  /** Why its names are not known. */
  readonly problem?: string;
}

/**
 * The encrypted files of a configuration that no key at hand decrypts.
 *
 * @param ring what was opened; undefined when nothing opens
 */
export function lostFiles(configuration: Configuration, ring: KeyRing | undefined): LostFile[] {
  return encryptedEnvFiles(configuration).flatMap((file): LostFile[] => {
    const tenant = configuration.fleet === undefined ? '' : (tenantOf(configuration.fleet.path, file.slice(0, file.lastIndexOf('/'))) ?? '');
    try {
      const { header, lines } = parseFile(readRegularFile(file, 'follow', MOST_FILE_BYTES).bytes, file);
      // Another environment's keys are in another ring, of which this one says nothing.
      if (header.environment !== configuration.environment || (ring !== undefined && isUsable(ring, header.key))) return [];
      const variables = [...new Set(lines.filter(({ kind }) => kind !== 'other').map(({ name }) => name))];
      return [{ file, tenant: header.tenant, key: header.key, variables }];
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      // With keys at hand it is no matter of lost keys: `lockfast status` names it.
      return ring === undefined ? [{ file, tenant, variables: [], problem: error.message }] : [];
    }
  });
}

function isUsable(ring: KeyRing, id: string): boolean {
  return ring.keys.some((key) => key.id === id && key.wrapped !== '');
}

/** @param way how the keys may come back, as an imperative clause; undefined when none is known */
export function lostCheck(lost: readonly LostFile[], way: string | undefined): Check[] {
  if (lost.length === 0) return [];
  const variables = lost.reduce((sum, one) => sum + one.variables.length, 0);
  const tenants = new Set(lost.map(({ tenant }) => tenant)).size;
  const detail = `no key here decrypts ${counted(variables, 'variable')} in ${counted(lost.length, 'file')} of ${tenants === 1 ? 'one tenant' : `${tenants} tenants`}`;
  return [failure('encrypted values', detail, way ?? 'there is neither a recovery backup nor a set of shares: enter them again, from where they were issued: docs/runbooks/key-lost.md')];
}

export function printLost(lost: readonly LostFile[], way: string | undefined, terminal: Terminal): void {
  if (lost.length === 0) return;
  terminal.line();
  terminal.line(way === undefined ? 'To be entered again:' : 'To be entered again, should that fail:');
  terminal.line();
  terminal.table(
    ['TENANT', 'VARIABLE', 'FILE'],
    lost.flatMap(({ tenant, variables, file, problem }) => {
      const whose = tenant === '' ? '-' : tenant;
      return problem === undefined ? variables.map((name) => [whose, name, file]) : [[whose, '?', `${file}: its names can not be read: ${problem}`]];
    }),
  );
}
