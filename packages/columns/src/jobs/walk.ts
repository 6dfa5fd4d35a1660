import type { ColumnDatabase, ColumnTable, ColumnTarget, RowKey, StoredRow } from './database.ts';
import { PageSize } from './page-size.ts';
import { Patience } from './patience.ts';

const PAGE_ROWS = 1000;

/**
 * All rows of a column in pages, in the order of their keys, for whoever only looks. The next page is being read
 * meanwhile. It ends at what is the last row when it starts, however fast an application adds others.
 *
 * @throws what the signal was aborted with
 */
export async function* walkColumn(database: ColumnDatabase, target: ColumnTarget, table: ColumnTable, signal?: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
  const size = new PageSize(PAGE_ROWS);
  const patience = new Patience(database, target, false, signal);
  const end = await patience.during(() => table.lastKey());
  if (end === undefined) return;
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
    return await patience.during(
      () => table.read(after, size.rows, undefined, end),
      () => size.halve(),
    );
  }
}
