/** The statements of one table. */
import { LABEL_CHARACTERS, PAGE_BYTES } from '../database.ts';
import type { KeyColumn } from './row-key.ts';
import { identifier, literal } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';

/** How many rows one statement looks at for those that it wants: a long one keeps VACUUM from cleaning up. */
const WINDOW_ROWS = 50_000;

/**
 * Columns of the answer: the key, the value, the context, the label.
 * Parameters: how many rows at most; with `after`, its key; with `upTo`, its key; with `notUnder`, the start.
 */
export function pageStatement(shape: TableShape, after: boolean, notUnder: boolean, upTo: boolean): string {
  const { key, value } = shape;
  const from = `${shape.table.sql} t${between(key, after, upTo, 2)}`;
  if (!notUnder) return bounded(shape, `SELECT ${columns(shape)} FROM ${from} ORDER BY ${order(key)} LIMIT $1`);
  const window = `SELECT ${columns(shape)}, ${value.start} AS start FROM ${from} ORDER BY ${order(key)} LIMIT ${WINDOW_ROWS}`;
  // What has no value has no start.
  return bounded(shape, `SELECT * FROM (${window}) w WHERE NOT starts_with(start, $${(Number(after) + Number(upTo)) * key.length + 2}) ORDER BY ${ordinals(key)} LIMIT $1`);
}

/** The key at the end of the rows that a page with `notUnder` looked at. Parameters: with `after`, its key; with `upTo`, its key. */
export function windowEndStatement({ table, key }: TableShape, after: boolean, upTo: boolean): string {
  return `SELECT ${texts(key)} FROM ${table.sql} t${between(key, after, upTo, 1)} ORDER BY ${order(key)} OFFSET ${WINDOW_ROWS - 1} LIMIT 1`;
}

/** Columns of the answer: the key. */
export function lastKeyStatement({ table, key }: TableShape): string {
  return `SELECT ${texts(key)} FROM ${table.sql} t ORDER BY ${key.map(({ sql }) => `${sql} DESC`).join(', ')} LIMIT 1`;
}

/** Columns as of a page. Parameters: the key. */
export function rowStatement(shape: TableShape): string {
  return `SELECT ${names(shape)} FROM (SELECT ${columns(shape)} FROM ${shape.table.sql} t WHERE ${equals(shape.key, (at) => `$${at + 1}::text`)}) r`;
}

/** Columns as of a page. Parameters: how many rows. @param percent of the table's pages to take them from; undefined: of all */
export function sampleStatement(shape: TableShape, percent: number | undefined): string {
  const part = percent === undefined ? '' : ` TABLESAMPLE SYSTEM (${percent})`;
  return bounded(shape, `SELECT * FROM (SELECT ${columns(shape)} FROM ${shape.table.sql} t${part}) s WHERE value IS NOT NULL ORDER BY random() LIMIT $1`);
}

/**
 * One statement for the batch. Columns of the answer: the number of the change, from 1; whether the value arrived in the context that it is
 * bound to. Parameters: the old values, the new ones, then of each key column and each context column all of them, as arrays of text.
 */
export function writeStatement(shape: TableShape, column: string): string {
  const { table, value } = shape;
  return `UPDATE ${table.sql} t SET ${identifier(column)} = ${value.replacement} FROM (${changes(shape)}) v WHERE ${[ofChange(shape), value.unchanged].join(' AND ')} RETURNING v.n::int, ${arrived(shape)}`;
}

/** Columns of the answer: how many rows still are what was read. Parameters: as {@link writeStatement}. */
export function unchangedStatement(shape: TableShape): string {
  return `SELECT count(*)::int FROM ${shape.table.sql} t, (${changes(shape)}) v WHERE ${[ofChange(shape), shape.value.unchanged].join(' AND ')}`;
}

/** Columns of the answer: of how many rows the new value stands. Parameters: as {@link writeStatement}. */
export function arrivedStatement(shape: TableShape): string {
  return `SELECT count(*)::int FROM ${shape.table.sql} t, (${changes(shape)}) v WHERE ${[ofChange(shape), shape.value.arrived].join(' AND ')}`;
}

/** As rows. */
function changes({ key, value, context }: TableShape): string {
  const sent = [`${value.sent}[]`, `${value.sent}[]`, ...key.map(() => 'text[]'), ...context.map(() => 'text[]')].map((type, at) => `$${at + 1}::${type}`);
  const fields = ['old', 'new', ...key.map((_, at) => `k${at}`), ...context.map((_, at) => `c${at}`), 'n'];
  // Sorted by the server, which alone knows the order of its types.
  const typed = fields.map((field) => (/^k\d/.test(field) ? `u.${field}::${key[Number(field.slice(1))]!.typeSql} AS ${field}` : `u.${field}`));
  return `SELECT ${typed.join(', ')} FROM unnest(${sent.join(', ')}) WITH ORDINALITY AS u(${fields.join(', ')}) ORDER BY ${key.map((_, at) => `k${at}`).join(', ')}`;
}

/** Whether a row is that of the change, in the context in which it was read. */
function ofChange({ key, context }: TableShape): string {
  return [...key.map(({ sql }, at) => `${sql} = v.k${at}`), ...inContext(context)].join(' AND ');
}

function arrived({ value, context }: TableShape): string {
  return [value.arrived, ...inContext(context)].join(' AND ');
}

function inContext(context: readonly string[]): readonly string[] {
  return context.map((name, at) => `t.${identifier(name)}::text COLLATE "C" IS NOT DISTINCT FROM v.c${at}`);
}

/** Columns of the answer: how values begin, how many rows. What looks like no format is '', so that nothing of it leaves the database. */
export function censusStatement({ table, value }: TableShape): string {
  const start = `CASE WHEN s IS NULL THEN NULL WHEN s LIKE 'lfv1.%' OR s LIKE 'lfi1.%' THEN s WHEN s LIKE 'gAAAAA%' THEN 'gAAAAA' ELSE '' END`;
  return `SELECT ${start}, count(*)::text FROM (SELECT ${value.start} AS s FROM ${table.sql} t) c GROUP BY 1`;
}

/** Columns of the answer: the rows by statistics, negative where there are none. */
export function estimateStatement({ table }: TableShape): string {
  const oid = `${literal(table.oid)}::oid`;
  return table.partitioned
    ? `SELECT sum(c.reltuples)::float8, bool_or(c.reltuples < 0) FROM pg_catalog.pg_partition_tree(${oid}) p JOIN pg_catalog.pg_class c ON c.oid = p.relid WHERE p.isleaf`
    : `SELECT reltuples::float8, reltuples < 0 FROM pg_catalog.pg_class WHERE oid = ${oid}`;
}

/** Parameters: where to stop. */
export function countStatement({ table }: TableShape): string {
  return `SELECT count(*)::int FROM (SELECT FROM ${table.sql} t LIMIT $1) c`;
}

/** Columns of the answer: the bytes of the longest value, 0 for none. */
export function longestStatement({ table, value }: TableShape): string {
  return `SELECT coalesce(max(octet_length(${value.read})), 0)::int FROM ${table.sql} t`;
}

/** Rows up to a sum of bytes: the server adds up lengths, which it knows without reading the values. */
function bounded(shape: TableShape, rows: string): string {
  const by = ordinals(shape.key);
  const bytes = ['value', ...shape.context.map((_, at) => `c${at}`)].map((name) => `coalesce(octet_length(${name}), 0)`).join(' + ');
  const before = `sum(${bytes}) OVER (ORDER BY ${by} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before`;
  return `SELECT ${names(shape)} FROM (SELECT p.*, ${before} FROM (${rows}) p) q WHERE coalesce(before, 0) < ${PAGE_BYTES} ORDER BY ${by}`;
}

/** The key typed, for sorting; then what the answer has. */
function columns({ key, value, context, label }: TableShape): string {
  return [
    ...key.map(({ sql }, at) => `${sql} AS o${at}`),
    ...key.map(({ sql }, at) => `${sql}::text AS k${at}`),
    `${value.read} AS value`,
    ...context.map((name, at) => `t.${identifier(name)}::text AS c${at}`),
    `${label === undefined ? 'NULL::text' : `left(t.${identifier(label)}::text, ${LABEL_CHARACTERS})`} AS label`,
  ].join(', ');
}

function names({ key, context }: TableShape): string {
  return [...key.map((_, at) => `k${at}`), 'value', ...context.map((_, at) => `c${at}`), 'label'].join(', ');
}

function order(key: readonly KeyColumn[]): string {
  return key.map(({ sql }) => sql).join(', ');
}

function ordinals(key: readonly KeyColumn[]): string {
  return key.map((_, at) => `o${at}`).join(', ');
}

function texts(key: readonly KeyColumn[]): string {
  return key.map(({ sql }) => `${sql}::text`).join(', ');
}

/** Compares rows, which the index does, too. @param first the number of the first parameter */
function between(key: readonly KeyColumn[], after: boolean, upTo: boolean, first: number): string {
  const parameters = (from: number): string => key.map(({ typeSql }, at) => `$${at + from}::text::${typeSql}`).join(', ');
  const bounds = [...(after ? [`(${order(key)}) > (${parameters(first)})`] : []), ...(upTo ? [`(${order(key)}) <= (${parameters(first + (after ? key.length : 0))})`] : [])];
  return bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
}

function equals(key: readonly KeyColumn[], parameter: (at: number) => string): string {
  return key.map(({ sql, typeSql }, at) => `${sql} = ${parameter(at)}::${typeSql}`).join(' AND ');
}
