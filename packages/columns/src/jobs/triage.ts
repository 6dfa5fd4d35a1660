import { LockfastError } from '@lockfast/core/errors';

import type { ColumnDatabase, ColumnTable, RowKey, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import { type Origin, Origins, type ReadableColumn } from './origins.ts';
import type { Standing } from './standing.ts';
import { walkColumn } from './walk.ts';

/** What one row is, and what to do about it. */
export interface TriagedRow {
  readonly key: RowKey;
  readonly label: string | null;
  readonly standing: Standing;
  /** Where a value that does not open here would open: it was moved, and belongs there. */
  readonly opens?: Origin;
  /** False where the search for that ended before everything was tried. */
  readonly searched: boolean;
}

/**
 * Each row of a column in the order of the keys: under which key it stands, or plaintext, or why it does not open and
 * what would open it. It streams, and changes nothing.
 *
 * @param all the declared columns of this database, this one among them
 * @throws LockfastError as `ColumnDatabase.table`; what the signal was aborted with
 */
export async function* triageColumn(database: ColumnDatabase, declared: DeclaredColumn, all: readonly ReadableColumn[], signal?: AbortSignal): AsyncGenerator<TriagedRow> {
  const table = await database.table(declared);
  for await (const { row, ...triaged } of triageRows(database, declared, table, all, signal)) yield { key: row.key, label: row.label, ...triaged };
}

/** As {@link triageColumn}, with what is stored. */
export async function* triageRows(
  database: ColumnDatabase,
  declared: DeclaredColumn,
  table: ColumnTable,
  all: readonly ReadableColumn[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Omit<TriagedRow, 'key' | 'label'> & { readonly row: StoredRow }> {
  const own = ownOf(declared, all);
  const origins = new Origins(database, own, table.storage, all);
  for await (const rows of walkColumn(database, declared, table, signal)) {
    const standings = own.values.classify(rows, table.storage);
    for (const [index, standing] of standings.entries()) {
      const row = rows[index]!;
      if (standing.kind !== 'unreadable') yield { row, standing, searched: true };
      else {
        const { opens, complete } = await origins.of(row, standing);
        yield { row, standing, ...(opens === undefined ? {} : { opens }), searched: complete };
      }
    }
  }
}

export function ownOf(declared: DeclaredColumn, all: readonly ReadableColumn[]): ReadableColumn {
  const own = all.find((one) => one.declared.id === declared.id);
  if (own === undefined) throw new LockfastError('internal', `${declared.id} is not among the declared columns that it is compared with`, 'report it');
  return own;
}
