import type { KeyId } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

import { INDEX_START, indexKeyIdOf } from '../index-value.ts';
import type { ColumnDatabase } from './database.ts';
import { type DeclaredIndex, indexTable } from './declared-index.ts';

/** Rows of an index column by the key that they name. */
export interface IndexCensus {
  readonly id: string;
  readonly rows: number;
  /** Without an index: there may be no value, either. */
  readonly null: number;
  /** By the ids of the index's keys, of those that any row is under. */
  readonly keys: Readonly<Record<KeyId, number>>;
  /** They name no key of this index in the ring, or are no values of an index at all. */
  readonly unknown: number;
}

/**
 * Counts by the first 12 characters, in the database: enough to know whether anything is under a key, and no proof that it is
 * the index of its value. For that see `surveyIndex`.
 *
 * @throws LockfastError as `indexTable`
 */
export async function censusIndex(database: ColumnDatabase, declared: DeclaredIndex, ring: KeyRing): Promise<IndexCensus> {
  const { id } = declared.definition;
  const table = await indexTable(database, declared);
  const known = new Set(ring.indexKeys.filter((record) => record.index === id).map((record) => record.id));
  const counted = { rows: 0, null: 0, unknown: 0 };
  const keys: Record<KeyId, number> = {};
  for (const { start, rows } of await table.census()) {
    counted.rows += rows;
    const key = start?.startsWith(INDEX_START) === true ? indexKeyIdOf(start) : undefined;
    if (start === null) counted.null += rows;
    else if (key !== undefined && known.has(key)) keys[key] = (keys[key] ?? 0) + rows;
    else counted.unknown += rows;
  }
  return { id, ...counted, keys };
}
