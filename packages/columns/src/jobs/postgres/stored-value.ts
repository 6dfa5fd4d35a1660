/** How a statement reads, compares and replaces the value of one column, by the column's type. `t` is the row, `v` the change. */
import { LockfastError } from '@lockfast/core/errors';

import { type ColumnTable, LEAST_CHARACTERS, START_CHARACTERS } from '../database.ts';
import { identifier, textArray } from './sql-text.ts';
import type { FoundColumn } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

export interface StoredValue {
  readonly storage: ColumnTable['storage'];
  /** How many characters the column holds; undefined: as many as there are. */
  readonly room: number | undefined;
  /** In which old and new value are sent. */
  readonly sent: 'text' | 'bytea';
  /** The value as {@link StoredRow.value} has it. */
  readonly read: string;
  /** Its first {@link START_CHARACTERS}; NULL for none. */
  readonly start: string;
  /** Whether it is what was read, to the byte: types that fold case or ignore spaces are compared as text in the C collation. */
  readonly unchanged: string;
  readonly replacement: string;
  /** Whether what stands there now is the new value: a trigger may have changed it. */
  readonly arrived: string;
}

/** @throws LockfastError `config-invalid` */
export function storedValue(table: FoundTable, column: FoundColumn, path: readonly string[], least = LEAST_CHARACTERS): StoredValue {
  const shown = `${table.name}.${column.name}`;
  const refuse = (what: string, hint: string): LockfastError => new LockfastError('config-invalid', `${shown} ${what}`, hint);
  if (column.generated) throw refuse('is computed by the database', 'encrypt the columns that it is computed from');
  if (column.partitioning) throw refuse('decides in which partition a row is', 'partition by another column first');
  const json = column.builtIn && ['json', 'jsonb'].includes(column.type);
  if (path.length > 0 && !json) throw refuse(`is of type ${column.type}, which has no path inside`, 'leave the path out of its declaration');
  const cell = `t.${identifier(column.name)}`;
  if (json) return jsonValue(column, cell, path);
  if (column.builtIn && column.type === 'bytea') return binaryValue(cell);
  if (!isText(column)) throw refuse(`is of type ${column.type}, which holds no encrypted values`, 'encrypted values need text, bytea, json or jsonb');
  if (column.characters !== undefined && column.characters < least) {
    throw refuse(`holds ${column.characters} characters at most, and ${least === LEAST_CHARACTERS ? 'an encrypted value' : 'a value'} has ${least} at least`, `ALTER TABLE ${table.sql} ALTER COLUMN ${identifier(column.name)} TYPE text`);
  }
  // `::text` takes the blanks off again, drivers don't: what a job finds in order, the application could not read. A blind index is only compared.
  if (column.characters !== undefined && column.type === 'bpchar' && least === LEAST_CHARACTERS) {
    throw refuse('is of type char(n), which fills values up with blanks: no application could read an encrypted value there', `ALTER TABLE ${table.sql} ALTER COLUMN ${identifier(column.name)} TYPE text`);
  }
  return textValue(column, cell);
}

function isText(column: FoundColumn): boolean {
  return column.builtIn ? ['text', 'varchar', 'bpchar'].includes(column.type) : column.type === 'citext';
}

function textValue(column: FoundColumn, cell: string): StoredValue {
  const read = `${cell}::text`;
  return {
    storage: 'text',
    room: column.characters,
    sent: 'text',
    read,
    start: `left(${read}, ${START_CHARACTERS})`,
    unchanged: `${read} COLLATE "C" IS NOT DISTINCT FROM v.old`,
    replacement: `v.new::${column.typeSql}`,
    arrived: `${read} COLLATE "C" IS NOT DISTINCT FROM v.new::${column.typeSql}::text`,
  };
}

function binaryValue(cell: string): StoredValue {
  return {
    storage: 'binary',
    room: undefined,
    sent: 'bytea',
    read: cell,
    start: `encode(substring(${cell}, 1, ${START_CHARACTERS}), 'escape')`,
    unchanged: `${cell} IS NOT DISTINCT FROM v.old`,
    replacement: 'v.new',
    arrived: `${cell} IS NOT DISTINCT FROM v.new`,
  };
}

/** Of a path, one member alone is compared and replaced: what else changed meanwhile in the document stays. JSON's null is no value. */
function jsonValue(column: FoundColumn, cell: string, path: readonly string[]): StoredValue {
  const { type } = column;
  const steps = textArray(path);
  const member = path.length === 0 ? cell : `(${cell} #> ${steps})`;
  const read = `CASE ${type}_typeof(${member}) WHEN 'null' THEN NULL ELSE ${member}::text END`;
  const unchanged = `(${read}) COLLATE "C" IS NOT DISTINCT FROM v.old`;
  const start = `left(${cell} #>> ${steps}, ${START_CHARACTERS})`;
  const common = { storage: 'json', room: undefined, sent: 'text', read, start } as const;
  if (path.length === 0) {
    return { ...common, unchanged, replacement: `v.new::${type}`, arrived: `${cell}::jsonb IS NOT DISTINCT FROM v.new::jsonb` };
  }
  const set = `jsonb_set(${cell}::jsonb, ${steps}, coalesce(v.new::jsonb, 'null'), false)`;
  return {
    ...common,
    // A member that is not there is not made.
    unchanged: `${unchanged} AND ${member} IS NOT NULL`,
    replacement: type === 'json' ? `${set}::json` : set,
    arrived: `${cell}::jsonb #> ${steps} IS NOT DISTINCT FROM coalesce(v.new::jsonb, 'null')`,
  };
}
