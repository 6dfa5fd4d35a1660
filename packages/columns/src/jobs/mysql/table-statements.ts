/** The statements of one table. */
import { LABEL_CHARACTERS, type RowChange, type RowKey } from '../database.ts';
import { beyond, isKey, isOneOf } from './row-key.ts';
import { bytes, identifier } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';

/** How many rows one statement looks at for those that it wants: a long one keeps the server from cleaning up. */
const WINDOW_ROWS = 50_000;

/** Which rows, by their keys. */
export interface Bounds {
  readonly after?: RowKey | undefined;
  readonly upTo?: RowKey | undefined;
}

/**
 * Columns of the answer: the key, the bytes of the value, the value where they are not more than `longest`, the context, the label.
 *
 * @param notUnder only those whose value does not begin so, NULLs left out
 */
export function pageStatement(shape: TableShape, bounds: Bounds, limit: number, longest: number, notUnder: string | undefined): string {
  const wanted = notUnder === undefined ? [] : [`LEFT(${shape.value.start}, ${notUnder.length}) <> ${bytes(Buffer.from(notUnder))}`];
  return `SELECT ${columns(shape, longest)} FROM ${source(shape)}${where([...between(shape, bounds), ...wanted])} ${order(shape)} LIMIT ${limit}`;
}

/** The key at the end of the rows that one page with `notUnder` looks at; none where fewer are left. */
export function windowEndStatement(shape: TableShape, bounds: Bounds): string {
  return `SELECT ${texts(shape)} FROM ${source(shape)}${where(between(shape, bounds))} ${order(shape)} LIMIT 1 OFFSET ${WINDOW_ROWS - 1}`;
}

/** Columns of the answer: the key. */
export function lastKeyStatement(shape: TableShape): string {
  return `SELECT ${texts(shape)} FROM ${source(shape)} ORDER BY ${shape.key.columns.map(({ sql }) => `${sql} DESC`).join(', ')} LIMIT 1`;
}

/** Columns as of a page. */
export function rowsStatement(shape: TableShape, keys: readonly RowKey[], longest: number): string {
  return `SELECT ${columns(shape, longest)} FROM ${source(shape)} WHERE ${isOneOf(shape.key.columns, keys)} ${order(shape)}`;
}

/** Columns of the answer: the value. */
export function valueStatement(shape: TableShape, key: RowKey): string {
  return `SELECT ${shape.value.read} FROM ${source(shape)} WHERE ${isKey(shape.key.columns, key)}`;
}

/** The rows of these keys, locked in the order of the index: whoever locks in that order never waits in a circle. Columns as of a page, without the bytes and the label. */
export function lockStatement(shape: TableShape, keys: readonly RowKey[]): string {
  const place = shape.value.place === undefined ? [] : [shape.value.place];
  const read = [texts(shape), shape.value.read, ...shape.context.map(asText)].join(', ');
  return `SELECT ${read} FROM ${source(shape)} WHERE ${[isOneOf(shape.key.columns, keys), ...place].join(' AND ')} ${order(shape)} FOR UPDATE`;
}

/** One statement for some rows, which are locked. Times of the last change are set to what they are. */
export function updateStatement(shape: TableShape, changes: readonly RowChange[]): string {
  const { key, value, column, onUpdate } = shape;
  const [only] = key.columns;
  const single = key.columns.length === 1;
  const cases = changes.map(({ row, value: wanted }) => `WHEN ${single ? only!.constant(row.key[0]!) : isKey(key.columns, row.key)} THEN ${value.replacement(wanted)}`);
  const sets = [`t.${identifier(column)} = CASE ${single ? `${only!.sql} ` : ''}${cases.join(' ')} END`, ...onUpdate.map((name) => `t.${identifier(name)} = t.${identifier(name)}`)];
  return `UPDATE ${source(shape)} SET ${sets.join(', ')} WHERE ${isOneOf(key.columns, changes.map(({ row }) => row.key))}`;
}

/** Columns of the answer: how many of these rows there are, and a sum over each of what they hold now: the value, the context columns. */
export function sumStatement(shape: TableShape, keys: readonly RowKey[]): string {
  const sums = [shape.value.read, ...shape.context.map(asText)].map((text) => `COALESCE(SUM(CRC32(COALESCE(CAST(${text} AS BINARY), x'00'))), 0)`);
  return `SELECT COUNT(*), ${sums.join(', ')} FROM ${source(shape)} WHERE ${isOneOf(shape.key.columns, keys)}`;
}

/** Columns of the answer: how values begin, how many rows. What looks like no format is '', so that nothing of it leaves the database. */
export function censusStatement({ table, value }: TableShape): string {
  const start = `CASE WHEN c.s IS NULL THEN NULL WHEN LEFT(c.s, 5) IN (${bytes(Buffer.from('lfv1.'))}, ${bytes(Buffer.from('lfi1.'))}) THEN c.s WHEN LEFT(c.s, 6) = ${bytes(Buffer.from('gAAAAA'))} THEN ${bytes(Buffer.from('gAAAAA'))} ELSE x'' END`;
  return `SELECT ${start}, COUNT(*) FROM (SELECT ${value.start} AS s FROM ${table.sql} t) c GROUP BY 1`;
}

/** Columns of the answer: the keys of rows that have a value. @param part of all rows to take them from, from 0 to 1 */
export function sampleStatement(shape: TableShape, part: number, rows: number): string {
  const some = part < 1 ? [`RAND() < ${part.toFixed(9)}`] : [];
  return `SELECT ${texts(shape)} FROM ${source(shape)}${where([`${shape.value.read} IS NOT NULL`, ...some])} ORDER BY RAND() LIMIT ${rows}`;
}

/** @param most where to stop */
export function countStatement({ table }: TableShape, most: number): string {
  return `SELECT COUNT(*) FROM (SELECT 1 FROM ${table.sql} t LIMIT ${most}) c`;
}

/** Columns of the answer: the bytes of the longest value, 0 for none. */
export function longestStatement({ table, value }: TableShape): string {
  return `SELECT COALESCE(MAX(OCTET_LENGTH(${value.read})), 0) FROM ${table.sql} t`;
}

/** Along the index, whatever the statistics say: another way would sort, or lock, the table. */
function source({ table, key }: TableShape): string {
  return `${table.sql} t FORCE INDEX (${key.index})`;
}

function columns(shape: TableShape, longest: number): string {
  const { value, context, label } = shape;
  const { read } = value;
  return [
    texts(shape),
    `OCTET_LENGTH(${read})`,
    `CASE WHEN OCTET_LENGTH(${read}) <= ${longest} THEN ${read} END`,
    ...context.map(asText),
    label === undefined ? 'NULL' : `LEFT(${asText(label)}, ${LABEL_CHARACTERS})`,
  ].join(', ');
}

function texts({ key }: TableShape): string {
  return key.columns.map(({ text }) => text).join(', ');
}

function asText(name: string): string {
  return `CONVERT(CAST(t.${identifier(name)} AS CHAR) USING utf8mb4)`;
}

function order({ key }: TableShape): string {
  return `ORDER BY ${key.columns.map(({ sql }) => sql).join(', ')}`;
}

function between({ key }: TableShape, { after, upTo }: Bounds): readonly string[] {
  return [...(after === undefined ? [] : [beyond(key.columns, after, '>')]), ...(upTo === undefined ? [] : [beyond(key.columns, upTo, '<=')])];
}

function where(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
}
