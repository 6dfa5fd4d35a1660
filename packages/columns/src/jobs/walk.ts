import type { ColumnDatabase, ColumnTable, ColumnTarget, RowKey, StoredRow } from './database.ts';
import type { PageSize } from './page-size.ts';
import { Patience } from './patience.ts';

/**
 * All rows of a column in pages, in the order of their keys, for whoever only looks. The next page is being read
 * meanwhile.
 *
 * @throws what the signal was aborted with
 */
export async function* walkColumn(database: ColumnDatabase, target: ColumnTarget, table: ColumnTable, size: PageSize, signal?: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
  const patience = new Patience(database, target, false, signal);
  let reading = read(null);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const rows = await reading;
      if (rows.length === 0) return;
      reading = read(rows.at(-1)!.key);
      reading.catch(() => {});
      yield rows;
    }
  } finally {
    await Promise.allSettled([reading]);
  }

  async function read(after: RowKey | null): Promise<readonly StoredRow[]> {
    for (;;) {
      try {
        const rows = await table.read(after, size.rows);
        patience.wentWell();
        return rows;
      } catch (error) {
        if ((await patience.after(error)) === 'smaller-batch') size.halve();
      }
    }
  }
}
