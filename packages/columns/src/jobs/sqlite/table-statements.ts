/** The statements of one table. */
import { LABEL_CHARACTERS, START_CHARACTERS } from '../database.ts';
import type { KeyColumn } from './row-key.ts';
import { identifier } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';

/**
 * Columns of the answer: the type that the value is stored as, the value, the key, the context, the label.
 * Parameters: with `after`, its key; with `upTo`, its key; how many rows at most.
 */
export function pageStatement(shape: TableShape, after: boolean, upTo: boolean): string {
  return `SELECT ${columns(shape)} FROM ${from(shape)}${between(shape.key, after, upTo)} ORDER BY ${order(shape.key)} LIMIT ?`;
}

/** Columns of the answer: the key that so many rows on is. Parameters: with `after`, its key; with `upTo`, its key; how many rows lie between. */
export function windowEndStatement(shape: TableShape, after: boolean, upTo: boolean): string {
  return `SELECT ${order(shape.key)} FROM ${from(shape)}${between(shape.key, after, upTo)} ORDER BY ${order(shape.key)} LIMIT 1 OFFSET ?`;
}

/**
 * One row, if there is any whose value begins otherwise. Of a value in JSON that can't be asked. Parameters: with `after`, its key; with
 * `upTo`, its key; the start as text, as bytes, and its length.
 */
export function otherwiseStatement(shape: TableShape, after: boolean, upTo: boolean): string {
  const bounds = between(shape.key, after, upTo);
  const first = 1 + (Number(after) + Number(upTo)) * shape.key.length;
  return `SELECT 1 FROM ${from(shape)}${bounds === '' ? ' WHERE' : `${bounds} AND`} substr(${cell(shape)}, 1, ?${first + 2}) NOT IN (?${first}, ?${first + 1}) LIMIT 1`;
}

/** Columns of the answer: the key. */
export function lastKeyStatement(shape: TableShape): string {
  return `SELECT ${order(shape.key)} FROM ${from(shape)} ORDER BY ${shape.key.map(({ sql }) => `${sql} DESC`).join(', ')} LIMIT 1`;
}

/** Columns as of a page. Parameters: the key. */
export function rowStatement(shape: TableShape): string {
  return `SELECT ${columns(shape)} FROM ${from(shape)} WHERE ${ofRow(shape.key)}`;
}

/** Columns as of a page. Parameters: how many rows. */
export function sampleStatement(shape: TableShape): string {
  return `SELECT ${columns(shape)} FROM ${from(shape)} WHERE ${cell(shape)} IS NOT NULL ORDER BY random() LIMIT ?`;
}

/** One row that has a value, of the next hundred. Columns as of a page. Parameters: the rowid where they begin. */
export function probeStatement(shape: TableShape): string {
  return `SELECT ${columns(shape)} FROM ${from(shape)} WHERE t.rowid IN (SELECT rowid FROM (SELECT rowid FROM ${shape.table.sql} WHERE rowid >= ? ORDER BY rowid LIMIT 100)) AND ${cell(shape)} IS NOT NULL LIMIT 1`;
}

/** Columns of the answer: the first and the last rowid, NULL where there are no rows. */
export function rowidsStatement({ table }: TableShape): string {
  return `SELECT (SELECT min(rowid) FROM ${table.sql}), (SELECT max(rowid) FROM ${table.sql})`;
}

/** Columns of the answer: the document, or how the value begins; then the key. Parameters: with `after`, its key; how many rows at most. */
export function startsStatement(shape: TableShape, after: boolean): string {
  const start = shape.value.storage === 'json' ? cell(shape) : `substr(${cell(shape)}, 1, ${START_CHARACTERS})`;
  return `SELECT typeof(${cell(shape)}), ${start}, ${order(shape.key)} FROM ${from(shape)}${between(shape.key, after, false)} ORDER BY ${order(shape.key)} LIMIT ?`;
}

/** Parameters: where to stop. */
export function countStatement(shape: TableShape): string {
  return `SELECT count(*) FROM (SELECT 1 FROM ${shape.table.sql} LIMIT ?)`;
}

/** Columns of the answer: the bytes of the longest value, 0 for none. */
export function longestStatement(shape: TableShape): string {
  return `SELECT coalesce(max(octet_length(${cell(shape)})), 0) FROM ${from(shape)}`;
}

/** Whatever the table says about conflicts: what does not fit fails. Parameters: what is to be stored, then as {@link standsStatement}. */
export function writeStatement(shape: TableShape): string {
  return `UPDATE OR ABORT ${from(shape)} SET ${identifier(shape.column)} = ? WHERE ${stands(shape)}`;
}

/** Whether anything may happen at an update that was not asked for: by triggers of the table, or of one that a foreign key changes with it. */
export const TRIGGERS_STATEMENT = "SELECT 1 FROM main.sqlite_schema WHERE type = 'trigger' LIMIT 1";

/** One row, if a row still, or now, is this to the byte. Parameters: the key, what is stored, the context. */
export function standsStatement(shape: TableShape): string {
  return `SELECT typeof(${cell(shape)}) FROM ${from(shape)} WHERE ${stands(shape)}`;
}

/** Columns of the answer: the type that the value is stored as, the value. Parameters: the key, the context. */
export function inContextStatement(shape: TableShape): string {
  return `SELECT typeof(${cell(shape)}), ${cell(shape)} FROM ${from(shape)} WHERE ${[ofRow(shape.key), ...inContext(shape)].join(' AND ')}`;
}

/** Whether a text is what the database has. A text that is no UTF-8 is not, however it was read. Parameters: the text of a key column or of the value, then the key. */
export function sameTextStatement(shape: TableShape): string {
  return `SELECT 1 FROM ${from(shape)} WHERE ${cell(shape)} COLLATE BINARY IS ? AND ${ofRow(shape.key)}`;
}

/** Columns as the index has them are folded in no other collation: text is compared to the byte. */
function stands(shape: TableShape): string {
  return [ofRow(shape.key), `${cell(shape)} COLLATE BINARY IS ?`, ...inContext(shape)].join(' AND ');
}

function inContext({ context }: TableShape): readonly string[] {
  return context.map((name) => `${asText(name)} COLLATE BINARY IS ?`);
}

function columns(shape: TableShape): string {
  const { key, context, label } = shape;
  return [
    `typeof(${cell(shape)})`,
    cell(shape),
    order(key),
    ...context.map(asText),
    label === undefined ? 'NULL' : `substr(${asText(label)}, 1, ${LABEL_CHARACTERS})`,
  ].join(', ');
}

function cell({ column }: TableShape): string {
  return `t.${identifier(column)}`;
}

function asText(name: string): string {
  const column = `t.${identifier(name)}`;
  return `CASE typeof(${column}) WHEN 'blob' THEN '\\x' || lower(hex(${column})) ELSE CAST(${column} AS TEXT) END`;
}

function from({ table }: TableShape): string {
  return `${table.sql} AS t`;
}

function order(key: readonly KeyColumn[]): string {
  return key.map(({ sql }) => sql).join(', ');
}

function ofRow(key: readonly KeyColumn[]): string {
  return key.map(({ sql }) => `${sql} = ?`).join(' AND ');
}

/**
 * Compares rows, which the index does, too. Where a collation is named, SQLite enters the index by no row, but by its first
 * column.
 */
function between(key: readonly KeyColumn[], after: boolean, upTo: boolean): string {
  const bound = (operator: '>' | '<=', first: number): string => {
    const parameters = key.map((_, at) => `?${first + at}`);
    const whole = `(${order(key)}) ${operator} (${parameters.join(', ')})`;
    const [{ sql, collated }] = key as readonly [KeyColumn];
    return key.length > 1 && collated ? `${sql} ${operator === '>' ? '>=' : '<='} ${parameters[0]} AND ${whole}` : whole;
  };
  const bounds = [...(after ? [bound('>', 1)] : []), ...(upTo ? [bound('<=', 1 + (after ? key.length : 0))] : [])];
  return bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`;
}
