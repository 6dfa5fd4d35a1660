/** The collations of columns. SQLite tells those of indexes alone, so an index over the columns is made, on a copy of the table without rows. */
import type { Ask } from './connection.ts';
import { identifier } from './sql-text.ts';
import type { FoundTable } from './table-name.ts';

/** In the order of the names; undefined where the definition of the table calls on functions or collations of the application. */
export function columnCollations(ask: Ask, table: FoundTable, names: readonly string[]): readonly string[] | undefined {
  const definition = String(ask.first("SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?", table.name)?.[0]);
  return ask.apart((apart) => {
    try {
      apart.run(definition);
      apart.run(`CREATE INDEX "lockfast probe" ON ${identifier(table.name)} (${names.map(identifier).join(', ')})`);
    } catch {
      return undefined;
    }
    return [...apart("SELECT coll FROM pragma_index_xinfo('lockfast probe') WHERE key = 1 ORDER BY seqno")].map(([collation]) => String(collation));
  });
}
