import { LockfastError } from '@lockfast/core/errors';
import { encodedTenant } from '@lockfast/core/keyring';

import { convertPage, type PageConversion } from './convert-page.ts';
import type { ColumnDatabase, ColumnTable, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { isOfAnotherRing, type Standing } from './standing.ts';
import { columnValueOf } from './stored-form.ts';
import type { OpenedRow, StoredValues } from './stored-values.ts';
import { walkColumn } from './walk.ts';

/** Rows that are looked at before the first is changed, of the table's first ones and of a sample each. */
const ROWS = 200;

/**
 * Whether the key that encrypts really does: a probe value under it, opened by keys that are derived anew.
 *
 * @throws LockfastError `wrong-key`
 */
export function proveCurrentKey(values: StoredValues, declared: DeclaredColumn, storage: ColumnTable['storage']): void {
  const context = values.probeContext();
  if (context === undefined) return;
  const row: StoredRow = { key: ['probe'], value: null, context, label: null };
  const probe = Buffer.from('lockfast probe');
  const [stored] = values.seal([{ row, value: probe, created: 0 }], storage);
  const [again] = values.anew().open([{ ...row, value: columnValueOf(stored!, storage) }], storage) as [OpenedRow];
  if (again.standing.kind === 'encrypted' && again.standing.current && again.opened!.value.equals(probe)) return;
  throw new LockfastError('wrong-key', `${declared.id}: what is encrypted under ${values.currentKey} does not decrypt`, 'nothing was changed; check the key ring with `lockfast doctor`');
}

/**
 * Whether the column is this ring's at all. With another one, every encrypted value would be unknown, and plaintext would be
 * encrypted under a key that the application does not have.
 *
 * @throws LockfastError `wrong-key`
 */
export async function refuseAnotherRing(values: StoredValues, declared: DeclaredColumn, table: ColumnTable): Promise<void> {
  const rows = [...(await table.sample(ROWS)), ...(await table.read(null, ROWS))];
  const standings = values.classify(rows, table.storage);
  if (values.foreign?.authenticated === false && standings.some(isUnderNoKey)) {
    throw new LockfastError(
      'wrong-key',
      `${declared.id}: values do not open under the keys that were named, and in this format a wrong key opens some of them to nonsense; nothing was changed`,
      'name the right keys; values that are damaged must be mended or removed first',
    );
  }
  if (!isOfAnotherRing(standings)) return;
  throw new LockfastError(
    'wrong-key',
    `${declared.id}: values look encrypted, and none of those looked at opens under any key that is here; nothing was changed`,
    values.foreign === undefined
      ? 'check that this is the right environment, key ring and list of fernet-keys, and the right database; `lockfast column triage` names each row'
      : 'check the keys and the other options of --from: the algorithm, the salt, the names that the key was derived with; see docs/guides/from-other-libraries.md',
  );
}

/**
 * Whether a column of limited width holds what its values would become: found before the first row is changed, not at the
 * first long one. Most are wide enough for their longest value, and need no look at each.
 *
 * @throws LockfastError `config-invalid`
 */
export async function refuseTooNarrow(database: ColumnDatabase, declared: DeclaredColumn, table: ColumnTable, conversion: PageConversion, signal: AbortSignal | undefined): Promise<void> {
  const { room } = table;
  if (room === undefined) return;
  const context = conversion.values.probeContext();
  if (context === undefined) return;
  const row: StoredRow = { key: ['probe'], value: null, context, label: null };
  const [stored] = conversion.values.seal([{ row, value: Buffer.alloc(await table.longestValue()), created: conversion.now }], table.storage);
  if (stored!.length <= room) return;
  let longest = 0;
  for await (const rows of walkColumn(database, declared, table, signal)) {
    for (const { value } of convertPage(rows, conversion)) {
      if (value !== undefined && value.length > longest) longest = typeof value === 'string' ? Array.from(value).length : value.length;
    }
  }
  if (longest <= room) return;
  throw new LockfastError(
    'config-invalid',
    `${declared.id}: ${declared.table}.${declared.column} holds ${room} characters at most, and a value needs ${longest}; nothing was changed`,
    'make the column wider first, best of a type without a limit: text in PostgreSQL and SQLite, longtext or longblob in MySQL',
  );
}

/**
 * Whether each tenant that a value is to be written for has a key of its own: found before the first row is changed.
 *
 * @throws LockfastError `missing-key`, with the tenants
 */
export async function refuseTenantsWithoutKey(
  database: ColumnDatabase,
  declared: DeclaredColumn,
  table: ColumnTable,
  conversion: PageConversion,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (declared.tenantKey !== 'own' || conversion.direction === 'decrypt') return;
  const without = new Map<string, number>();
  for await (const rows of walkColumn(database, declared, table, signal)) {
    const mayLack = rows.filter((row) => row.value !== null && conversion.values.tenantWithoutKey(row) !== undefined);
    // Most tables have none of these: then nothing is decrypted.
    for (const { row, refused } of mayLack.length === 0 ? [] : convertPage(mayLack, conversion)) {
      if (refused !== 'missing-key' && refused !== 'key-not-usable') continue;
      const [standing] = conversion.values.classify([row], table.storage);
      if (standing!.kind === 'unreadable') continue;
      const tenant = conversion.values.tenantWithoutKey(row)!;
      without.set(tenant, (without.get(tenant) ?? 0) + 1);
    }
  }
  if (without.size === 0) return;
  const names = Array.from(without, ([tenant, rows]) => `${encodedTenant(tenant)} (${rows})`);
  const more = names.length - MOST_NAMES;
  throw new LockfastError(
    'missing-key',
    `${declared.id}: ${without.size === 1 ? 'a tenant has' : `${without.size} tenants have`} no key of ${without.size === 1 ? 'its' : 'their'} own: ${names.slice(0, MOST_NAMES).join(', ')}${more > 0 ? ` and ${more} more` : ''}; nothing was changed`,
    without.size === 1 ? `run \`lockfast tenant own-key ${encodedTenant([...without.keys()][0]!)}\`, then this again` : 'run `lockfast tenant own-key --from-columns`, then this again',
  );
}

/** What names no key of the ring, and opened under none. */
function isUnderNoKey(standing: Standing): boolean {
  return standing.kind === 'unreadable' && standing.code === 'wrong-key' && standing.keyId === undefined;
}

/** More names than these help nobody. */
const MOST_NAMES = 10;
