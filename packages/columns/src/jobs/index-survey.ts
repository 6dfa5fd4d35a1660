import type { ErrorCode } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';

import type { BlindIndex } from '../blind-index.ts';
import type { ColumnDatabase, StoredRow } from './database.ts';
import { type DeclaredIndex, indexTable, indexTarget } from './declared-index.ts';
import { IndexedRows } from './indexed-rows.ts';
import type { StoredValues } from './stored-values.ts';
import { type UnreadableRow, UnreadableRows } from './unreadable-rows.ts';
import type { Surveying } from './survey.ts';
import { walkColumn } from './walk.ts';

/** What a look at every value and its index found. */
export interface IndexSurvey {
  readonly id: string;
  readonly rows: number;
  /** Neither value nor index. */
  readonly null: number;
  /** Right, by the key. */
  readonly keys: Readonly<Record<KeyId, number>>;
  /** A value without an index: no search finds it. */
  readonly missing: number;
  /** The index of another value, as when somebody wrote the one and forgot the other: a search finds the wrong row, or not the right one. */
  readonly stale: number;
  /** The first of the rows that are missing or stale. */
  readonly first: readonly Pick<UnreadableRow, 'key' | 'label'>[];
  /** Values that do not open, by the reason: what their index should be nobody can tell. */
  readonly unreadable: Readonly<Partial<Record<ErrorCode, number>>>;
  /** Whether it is of a sample, which rows without an index are not in. */
  readonly sampled: boolean;
}

/** Decrypts each value and computes its index. @throws LockfastError as `indexTable`; what the signal was aborted with */
export async function surveyIndex(database: ColumnDatabase, declared: DeclaredIndex, index: BlindIndex, values: StoredValues, { sample, signal, onProgress }: Surveying): Promise<IndexSurvey> {
  const table = await indexTable(database, declared);
  const reader = new IndexedRows(declared, index, values);
  const estimated = sample ?? (await table.estimatedRows());
  const counted = { rows: 0, null: 0, missing: 0, stale: 0 };
  const keys: Record<KeyId, number> = {};
  const unreadable: Partial<Record<ErrorCode, number>> = {};
  const wrong = new UnreadableRows();
  const pages: AsyncIterable<readonly StoredRow[]> | Iterable<readonly StoredRow[]> =
    sample === undefined ? walkColumn(database, indexTarget(declared), table, signal) : [await table.sample(sample)];
  for await (const rows of pages) {
    for (const { row, standing } of reader.read(rows)) {
      counted.rows++;
      if (standing.kind === 'null') counted.null++;
      else if (standing.kind === 'unreadable') unreadable[standing.code] = (unreadable[standing.code] ?? 0) + 1;
      else if (standing.kind === 'missing' || standing.kind === 'stale') {
        counted[standing.kind]++;
        wrong.add(row, 'column-findings');
      } else keys[standing.key] = (keys[standing.key] ?? 0) + 1;
    }
    onProgress?.(counted.rows, estimated);
  }
  return { id: declared.definition.id, ...counted, keys, unreadable, first: wrong.first.map(({ key, label }) => ({ key, label })), sampled: sample !== undefined };
}
