/** Columns of a table, as its schema describes them. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { asciiLower, type FoundTable } from './table-name.ts';

/** What SQLite makes of values that are stored in a column: https://www.sqlite.org/datatype3.html, section 3.1. */
export type Affinity = 'text' | 'blob' | 'integer' | 'real' | 'numeric';

export interface FoundColumn {
  readonly name: string;
  /** As declared, in capitals; '' for none. */
  readonly type: string;
  readonly affinity: Affinity;
  readonly notNull: boolean;
  readonly generated: boolean;
}

/** In the order of the names. @throws LockfastError `config-invalid`: no such column */
export function findColumns(ask: Ask, table: FoundTable, names: readonly string[]): readonly FoundColumn[] {
  const found = new Map(
    [...ask("SELECT name, upper(type), \"notnull\", hidden, pk FROM pragma_table_xinfo(?, 'main') WHERE hidden <> 1", table.name)].map(([name, type, notNull, hidden, place]) => {
      const declared = String(type);
      // Its own way to say that the primary key takes no NULL.
      const ownNotNull = place !== 0n && (table.withoutRowid || table.strict);
      return [String(name), { name: String(name), type: declared, affinity: affinityOf(declared, table.strict), notNull: notNull === 1n || ownNotNull, generated: hidden !== 0n }];
    }),
  );
  return names.map((name) => {
    const column = found.get(name);
    if (column !== undefined) return column;
    const near = [...found.keys()].find((one) => asciiLower(one) === asciiLower(name));
    throw new LockfastError('config-invalid', `${table.name} has no column ${name}`, near === undefined ? 'check its name: a declaration names columns without quotes' : `write it as ${near}`);
  });
}

/** @param strict in a STRICT table ANY changes nothing; elsewhere it is one of the words that mean a number */
function affinityOf(type: string, strict: boolean): Affinity {
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(type)) return 'text';
  if (type === '' || type.includes('BLOB') || (strict && type === 'ANY')) return 'blob';
  return /REAL|FLOA|DOUB/.test(type) ? 'real' : 'numeric';
}
