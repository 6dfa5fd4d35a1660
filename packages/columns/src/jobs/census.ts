import { type KeyId, keyIdAtStart } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

import { FERNET_START } from '../fernet-format.ts';
import { LFV1_START } from '../lfv1-format.ts';
import type { ColumnDatabase, ColumnTable } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';

/** Rows of a column by what they are. */
export interface Census {
  readonly id: string;
  readonly rows: number;
  readonly null: number;
  readonly plaintext: number;
  readonly fernet: number;
  /** By the ids of the ring's keys, of those that any row is under. */
  readonly keys: Readonly<Record<KeyId, number>>;
  /** They begin as an encrypted value does, and name no key of the ring. */
  readonly unknown: number;
}

/**
 * Counts by the first 12 characters, in the database. It is no proof, only decrypting is: see `surveyColumn`.
 *
 * @throws LockfastError as `ColumnDatabase.table`
 */
export async function censusColumn(database: ColumnDatabase, declared: DeclaredColumn, ring: KeyRing): Promise<Census> {
  return await censusOf(await database.table(declared), declared.id, ring);
}

async function censusOf(table: ColumnTable, id: string, ring: KeyRing): Promise<Census> {
  const ids = new Set(ring.keys.map((key) => key.id));
  const counted = { rows: 0, null: 0, plaintext: 0, fernet: 0, unknown: 0 };
  const keys: Record<KeyId, number> = {};
  for (const { start, rows } of await table.census()) {
    counted.rows += rows;
    const key = start === null ? undefined : keyIdAtStart(start);
    if (start === null) counted.null += rows;
    else if (key !== undefined && ids.has(key)) keys[key] = (keys[key] ?? 0) + rows;
    else if (start.startsWith(LFV1_START)) counted.unknown += rows;
    else if (start.startsWith(FERNET_START)) counted.fernet += rows;
    else counted.plaintext += rows;
  }
  return { id, ...counted, keys };
}
