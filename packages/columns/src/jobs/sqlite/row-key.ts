/** The columns that tell the rows of a table apart, in the order of a unique index: pages are read along it. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { identifier } from './sql-text.ts';
import { columnCollations } from './column-collations.ts';
import { type Affinity, findColumns } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

export interface KeyColumn {
  readonly name: string;
  readonly affinity: Affinity;
  /** As the index compares: of the row `t`. */
  readonly sql: string;
  /** Whether `sql` names a collation. Rows are then not compared as the index does, but column for column. */
  readonly collated: boolean;
}

interface UniqueIndex {
  readonly primary: boolean;
  readonly columns: readonly { readonly name: string; readonly collation: string }[];
}

/**
 * The index decides the order: with its collations, in which comparing a key agrees with sorting by it.
 *
 * @param declared undefined: the primary key
 * @throws LockfastError `config-invalid`: no such index, or a row without a key
 */
export function findKey(ask: Ask, table: FoundTable, declared: readonly string[] | undefined): readonly KeyColumn[] {
  if (declared !== undefined) findColumns(ask, table, declared);
  const indexes = uniqueIndexes(ask, table);
  const index = declared === undefined ? indexes.find(({ primary }) => primary) : indexes.find(({ columns }) => sameNames(columns, declared));
  if (index === undefined) throw noKey(table, declared, indexes);
  const names = index.columns.map(({ name }) => name);
  const columns = findColumns(ask, table, names);
  const own = columnCollations(ask, table, names);
  const key = columns.map(({ name, affinity }, at): KeyColumn => {
    const { collation } = index.columns[at]!;
    refuseUnknownCollation(ask, table, name, collation);
    const collated = own?.[at]?.toUpperCase() !== collation.toUpperCase();
    return { name, affinity, collated, sql: `t.${identifier(name)}${collated ? ` COLLATE ${identifier(collation)}` : ''}` };
  });
  refuseNulls(
    ask,
    table,
    columns.filter(({ notNull }) => !notNull).map(({ name }) => name),
  );
  return key;
}

/** Those that a page can be read along: of whole columns and all rows, all upwards or all downwards. */
function uniqueIndexes(ask: Ask, table: FoundTable): readonly UniqueIndex[] {
  const found: UniqueIndex[] = [];
  for (const [name, origin] of ask("SELECT name, origin FROM pragma_index_list(?, 'main') WHERE \"unique\" = 1 AND partial = 0 ORDER BY origin = 'pk' DESC, seq", table.name)) {
    const columns = [...ask("SELECT name, coll, \"desc\" FROM pragma_index_xinfo(?, 'main') WHERE key = 1 ORDER BY seqno", name!)];
    const directions = new Set(columns.map(([, , downwards]) => downwards));
    // An expression has no name.
    if (directions.size !== 1 || columns.some(([column]) => column === null)) continue;
    found.push({ primary: origin === 'pk', columns: columns.map(([column, collation]) => ({ name: String(column), collation: String(collation) })) });
  }
  // The INTEGER PRIMARY KEY is the table's own order, and has no index.
  if (!found.some(({ primary }) => primary)) {
    const columns = [...ask("SELECT name, upper(type) FROM pragma_table_xinfo(?, 'main') WHERE pk > 0", table.name)];
    if (columns.length === 1 && columns[0]![1] === 'INTEGER') found.unshift({ primary: true, columns: [{ name: String(columns[0]![0]), collation: 'BINARY' }] });
  }
  return found;
}

function sameNames(columns: UniqueIndex['columns'], names: readonly string[]): boolean {
  return columns.length === names.length && new Set(names).size === names.length && columns.every(({ name }) => names.includes(name));
}

function refuseUnknownCollation(ask: Ask, table: FoundTable, column: string, collation: string): void {
  try {
    ask.first(`SELECT 'a' < 'b' COLLATE ${identifier(collation)}`);
  } catch {
    throw new LockfastError('config-invalid', `the key column ${column} of ${table.name} is sorted by a collation of the application's own (${collation})`, 'declare another key: a unique index whose collation SQLite itself has');
  }
}

/** SQLite lets a primary key be NULL where it is no INTEGER and not said to be NOT NULL; any number of rows may be. */
function refuseNulls(ask: Ask, table: FoundTable, nullable: readonly string[]): void {
  for (const name of nullable) {
    if (ask.first(`SELECT 1 FROM ${table.sql} WHERE ${identifier(name)} IS NULL LIMIT 1`) === undefined) continue;
    throw new LockfastError('config-invalid', `there are rows of ${table.name} whose key column ${name} is NULL, and a unique index does not tell those apart`, 'give each a key, or declare another key');
  }
}

function noKey(table: FoundTable, declared: readonly string[] | undefined, indexes: readonly UniqueIndex[]): LockfastError {
  const unique = indexes.map(({ columns }) => columns.map(({ name }) => name).join(', '));
  const instead = unique.length === 0 ? 'add a unique index over columns that tell its rows apart' : `declare as its \`key\` what is unique there: ${unique.join('; or ')}`;
  return declared === undefined
    ? new LockfastError('config-invalid', `${table.name} has no primary key`, instead)
    : new LockfastError('config-invalid', `the key (${declared.join(', ')}) of ${table.name} is not what a unique index is over`, instead);
}
