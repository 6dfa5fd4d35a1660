/** The columns that tell the rows of a table apart, in the order of a unique index: pages are read along it. */
import { LockfastError } from '@lockfast/core/errors';

import type { RowKey } from '../database.ts';
import type { Ask } from './connection.ts';
import { bytes, identifier, literal } from './sql-text.ts';
import { BYTES, columnNamed, type FoundColumn, type TableColumns, TEXTS } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

export interface KeyColumn {
  readonly name: string;
  /** Of the row `t`. */
  readonly sql: string;
  /** Its text, as keys have it. */
  readonly text: string;
  /** That text as a constant, which the server compares by the column's own type and collation, along the index. */
  readonly constant: (text: string) => string;
}

export interface FoundKey {
  /** The index, as statements name it. */
  readonly index: string;
  readonly columns: readonly KeyColumn[];
}

interface UniqueIndex {
  readonly name: string;
  readonly columns: readonly string[];
}

const NUMBERS = /^(?:tinyint|smallint|mediumint|int|bigint|decimal|year)$/;
/** Their constants are texts, in a form that only they have. */
const TIMES = /^(?:date|datetime|timestamp|time|uuid|inet4|inet6)$/;

/**
 * @param declared undefined: the primary key
 * @throws LockfastError `config-invalid`: no such index, or a column of it may be NULL, or is of a type that does not compare as it sorts
 */
export async function findKey(ask: Ask, table: FoundTable, columns: TableColumns, declared: readonly string[] | undefined): Promise<FoundKey> {
  for (const name of declared ?? []) columnNamed(columns, table, name);
  const indexes = await uniqueIndexes(ask, table);
  const index = declared === undefined ? indexes.find(({ name }) => name === 'PRIMARY') : indexes.find((one) => sameNames(one.columns, declared));
  if (index === undefined) throw noKey(table, declared, indexes);
  return { index: identifier(index.name), columns: index.columns.map((name) => keyColumn(table, columnNamed(columns, table, name))) };
}

/** Parameters of a row's key, for `=`. */
export function isKey(columns: readonly KeyColumn[], key: RowKey): string {
  return columns.map(({ sql, constant }, at) => `${sql} = ${constant(partOf(columns, key, at))}`).join(' AND ');
}

/** Any of these keys, in a form that the server looks up one by one along the index. */
export function isOneOf(columns: readonly KeyColumn[], keys: readonly RowKey[]): string {
  const [only] = columns;
  if (columns.length === 1) return `${only!.sql} IN (${keys.map((key) => only!.constant(partOf(columns, key, 0))).join(', ')})`;
  return `(${keys.map((key) => `(${isKey(columns, key)})`).join(' OR ')})`;
}

/** Rows behind a key, or up to it. Servers don't follow an index for a comparison of whole rows: column by column they do. */
export function beyond(columns: readonly KeyColumn[], key: RowKey, operator: '>' | '<='): string {
  const strict = operator[0]!;
  const steps = columns.map(({ sql, constant }, at) => {
    const before = columns.slice(0, at).map((one, i) => `${one.sql} = ${one.constant(partOf(columns, key, i))}`);
    const last = at === columns.length - 1;
    return [...before, `${sql} ${last ? operator : strict} ${constant(partOf(columns, key, at))}`].join(' AND ');
  });
  return `(${steps.map((step) => `(${step})`).join(' OR ')})`;
}

function partOf(columns: readonly KeyColumn[], key: RowKey, at: number): string {
  if (key.length !== columns.length) throw new TypeError(`a key of ${columns.length} columns is needed`);
  return key[at]!;
}

function keyColumn(table: FoundTable, { name, type, notNull, charset }: FoundColumn): KeyColumn {
  if (!notNull) throw new LockfastError('config-invalid', `the key column ${name} of ${table.name} may be NULL, where a unique index does not tell rows apart`, `set it NOT NULL, or declare another key`);
  const sql = `t.${identifier(name)}`;
  const text = charset === undefined ? `CAST(${sql} AS CHAR)` : sql;
  if (NUMBERS.test(type)) return { name, sql, text, constant: (part) => checked(part, /^-?\d+(?:\.\d+)?$/) };
  if (TIMES.test(type)) return { name, sql, text, constant: (part) => `'${checked(part, /^[-0-9a-fA-F:. ]+$/)}'` };
  if (TEXTS.test(type) && charset !== undefined) return { name, sql, text, constant: literal };
  if (BYTES.test(type)) return { name, sql, text: `LOWER(HEX(${sql}))`, constant: (part) => bytes(Buffer.from(checked(part, /^(?:[0-9a-f]{2})*$/), 'hex')) };
  throw new LockfastError('config-invalid', `the key column ${name} of ${table.name} is of type ${type}, which is not sorted as it is compared`, 'declare another key: of whole numbers, texts, times or bytes');
}

/** A checkpoint may come from anywhere: nothing of it becomes SQL unseen. */
function checked(part: string, form: RegExp): string {
  if (form.test(part)) return part;
  throw new LockfastError('config-invalid', 'a key is not one of this table', 'the checkpoint is of another table; drop the row of lockfast_column_jobs');
}

/** Those that a page can be read along: of whole columns and all rows, all upwards or all downwards. */
async function uniqueIndexes(ask: Ask, { schema, table }: FoundTable): Promise<readonly UniqueIndex[]> {
  const { rows } = await ask(
    `SELECT index_name, column_name, sub_part, collation, index_type FROM information_schema.statistics WHERE table_schema = ${literal(schema)} AND table_name = ${literal(table)} AND non_unique = 0 ORDER BY index_name, seq_in_index`,
  );
  const parts = Map.groupBy(
    rows.map((row) => row.map((field) => field?.toString() ?? null)),
    ([name]) => name!,
  );
  return [...parts].flatMap(([name, all]) => {
    const directions = new Set(all.map(([, , , direction]) => direction));
    const whole = all.every(([, column, part, , type]) => column !== null && part === null && type === 'BTREE');
    return whole && directions.size === 1 ? [{ name, columns: all.map(([, column]) => column!) }] : [];
  });
}

function sameNames(columns: readonly string[], names: readonly string[]): boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return columns.length === names.length && wanted.size === names.length && columns.every((name) => wanted.has(name.toLowerCase()));
}

function noKey(table: FoundTable, declared: readonly string[] | undefined, indexes: readonly UniqueIndex[]): LockfastError {
  const unique = indexes.map(({ columns }) => columns.join(', '));
  const instead = unique.length === 0 ? 'add a primary key, or a unique index over columns that are NOT NULL' : `declare as its \`key\` what is unique there: ${unique.join('; or ')}`;
  return declared === undefined
    ? new LockfastError('config-invalid', `${table.name} has no primary key that a job can follow`, instead)
    : new LockfastError('config-invalid', `the key (${declared.join(', ')}) of ${table.name} is not what a unique index is over`, instead);
}
