import type { ErrorCode } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';

import type { Census } from './census.ts';
import type { ColumnDatabase, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { walkColumn } from './walk.ts';
import { isShredded } from './standing.ts';
import type { StoredValues } from './stored-values.ts';

/** A census that is proven by decrypting. `keys` and `fernet` hold only what opened; `unknown` is all that did not. */
export interface Survey extends Census {
  /** Fernet tokens by the name of the key that opened them. */
  readonly fernetKeys: Readonly<Record<string, number>>;
  /** What did not open, by the reason. */
  readonly unreadable: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Rows whose tenants' keys were destroyed, by tenant. They are in none of the other counts but `rows`. */
  readonly shredded: Readonly<Record<string, number>>;
  /** The same as `unreadable` by the key that it names; '' for what names none, and may be under any. */
  readonly unreadableKeys: Readonly<Record<KeyId, number>>;
  /** When the oldest value was encrypted, in milliseconds since the Unix epoch; undefined where none carries a time. */
  readonly oldest: number | undefined;
  /** Whether it is of a sample, which NULLs are not in. */
  readonly sampled: boolean;
}

export interface Surveying {
  /** So many rows, spread over the table; all of them without it. */
  readonly sample?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** @param rows looked at so far, of about `estimated` */
  readonly onProgress?: ((rows: number, estimated: number) => void) | undefined;
}

/** @throws LockfastError as `ColumnDatabase.table`; what the signal was aborted with */
export async function surveyColumn(database: ColumnDatabase, declared: DeclaredColumn, values: StoredValues, { sample, signal, onProgress }: Surveying): Promise<Survey> {
  const table = await database.table(declared);
  const estimated = sample ?? (await table.estimatedRows());
  const counted = { rows: 0, null: 0, plaintext: 0, fernet: 0, unknown: 0 };
  const keys: Record<KeyId, number> = {};
  const fernetKeys: Record<string, number> = {};
  const unreadable: Partial<Record<ErrorCode, number>> = {};
  const unreadableKeys: Record<KeyId, number> = {};
  const shredded: Record<string, number> = {};
  let oldest: number | undefined;
  const pages: AsyncIterable<readonly StoredRow[]> | Iterable<readonly StoredRow[]> =
    sample === undefined ? walkColumn(database, declared, table, signal) : [await table.sample(sample)];
  for await (const rows of pages) {
    for (const [index, standing] of values.classify(rows, table.storage).entries()) {
      counted.rows++;
      if (standing.kind === 'null') counted.null++;
      else if (standing.kind === 'plaintext') counted.plaintext++;
      else if (isShredded(standing)) {
        const tenant = values.tenantOf(rows[index]!)!;
        shredded[tenant] = (shredded[tenant] ?? 0) + 1;
      } else if (standing.kind === 'unreadable') {
        counted.unknown++;
        unreadable[standing.code] = (unreadable[standing.code] ?? 0) + 1;
        const named = standing.keyId ?? '';
        unreadableKeys[named] = (unreadableKeys[named] ?? 0) + 1;
      } else {
        const { format, key, created } = standing;
        if (format === 'fernet') counted.fernet++;
        const by = format === 'fernet' ? fernetKeys : keys;
        by[key] = (by[key] ?? 0) + 1;
        if (created !== undefined && (oldest === undefined || created < oldest)) oldest = created;
      }
    }
    onProgress?.(counted.rows, estimated);
  }
  return { id: declared.id, ...counted, keys, fernetKeys, unreadable, unreadableKeys, shredded, oldest, sampled: sample !== undefined };
}
