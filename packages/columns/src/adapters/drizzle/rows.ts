/** Rows on their way into a statement and out of its result, where columns are bound to others of the same row. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column, ColumnContext } from '../../index.ts';
import { type BoundColumn, boundColumns, contextProperties, type DrizzleTable } from './bound-columns.ts';
import { contextNames } from './column-type.ts';
import { EncryptedValue, type OpenedRow } from '../encrypted-value.ts';
import { isSame } from '../same-value.ts';

/** Some members of a row. One that is undefined is one that is not there, as everywhere in Drizzle. */
type Changes<Row> = { readonly [Name in keyof Row]?: Row[Name] | undefined };

type AnyRow = Readonly<Record<string, unknown>>;

/**
 * A row for `insert`: `db.insert(connections).values(encryptRow(connections, row))`.
 *
 * @throws LockfastError `usage`, and as `Column.encrypt`; `invalid-context` where the row lacks a context column
 */
export function encryptRow<T extends DrizzleTable>(table: T, row: OpenedRow<T['$inferInsert']>): T['$inferInsert'] {
  return encryptRows(table, [row])[0]!;
}

/** As {@link encryptRow}, faster for each of many. All or nothing. */
export function encryptRows<T extends DrizzleTable>(table: T, rows: readonly OpenedRow<T['$inferInsert']>[]): T['$inferInsert'][] {
  const encrypted = rows.map((row) => ({ ...row }) as Record<string, unknown>);
  for (const bound of boundColumns(table)) encryptIn(bound, contextProperties(table, bound.column), encrypted);
  return encrypted;
}

/**
 * What `update` or `onConflictDoUpdate` sets: `set(encryptChanges(connections, { botToken }, { orgId }))`. The condition of
 * the statement must name the same place: a row elsewhere would get a value that does not decrypt there.
 *
 * @param place the context columns as they are now, or the row that was read; other members are not looked at
 * @throws LockfastError `invalid-context` where a context column changes and a value that is bound to it is not given anew;
 *   and as {@link encryptRow}
 */
export function encryptChanges<T extends DrizzleTable>(table: T, changes: Changes<OpenedRow<T['$inferInsert']>>, place: Changes<OpenedRow<T['$inferSelect']>>): Partial<T['$inferInsert']> {
  const encrypted = { ...changes } as Record<string, unknown>;
  const now: AnyRow = place;
  for (const bound of boundColumns(table)) {
    const properties = contextProperties(table, bound.column);
    refuseLostContext(bound, properties, encrypted, now);
    const context = Object.fromEntries(properties.map((property) => [property, encrypted[property] === undefined ? now[property] : encrypted[property]]));
    const [changed] = encryptIn(bound, properties, [{ ...context, [bound.property]: encrypted[bound.property] }]);
    if (encrypted[bound.property] !== undefined) encrypted[bound.property] = changed![bound.property];
  }
  return encrypted;
}

/** As {@link decryptRows}. What a left join did not find stays null. */
export function decryptRow<Row extends object | null>(table: DrizzleTable, row: Row): OpenedRow<Row> {
  return (row === null ? null : decryptRows(table, [row])[0]) as OpenedRow<Row>;
}

/**
 * Rows as the application wants them, of a select, of `returning()`, or of a relation. Their context columns must be
 * selected, too.
 *
 * @throws LockfastError `invalid-context` where a context column was not selected; and as `Column.decrypt`
 */
export function decryptRows<Row extends object>(table: DrizzleTable, rows: readonly Row[]): OpenedRow<Row>[] {
  const opened = rows.map((row) => ({ ...row }) as Record<string, unknown>);
  const held = opened.flatMap((row) => Object.entries(row).flatMap(([property, value]) => (value instanceof EncryptedValue ? [{ row, property, value: value as EncryptedValue<unknown> }] : [])));
  for (const [column, group] of Map.groupBy(held, ({ value }) => value.column)) {
    const properties = contextProperties(table, column);
    const values = column.decryptBatch(
      group.map(({ value }) => value.stored),
      group.map(({ row }) => contextIn(column, properties, row)),
    );
    group.forEach(({ row, property }, i) => (row[property] = values[i]));
  }
  return opened as OpenedRow<Row>[];
}

/** Replaces each given value of one column. A value that is not given stays so. */
function encryptIn({ property, column }: BoundColumn, properties: readonly string[], rows: Record<string, unknown>[]): Record<string, unknown>[] {
  const given = rows.filter((row) => row[property] !== undefined);
  const stored = column.encryptBatch(
    given.map((row) => row[property]),
    given.map((row) => (row[property] === null ? undefined : contextIn(column, properties, row))),
  );
  given.forEach((row, i) => (row[property] = stored[i] === null ? null : new EncryptedValue(column, stored[i]!)));
  return rows;
}

function contextIn(column: Column<unknown>, properties: readonly string[], row: AnyRow): ColumnContext {
  const missing = properties.find((property) => row[property] === undefined || row[property] === null);
  if (missing !== undefined) {
    throw new LockfastError('invalid-context', `${column.id}: the row has no ${missing}, which its values are bound to`, `select or give ${missing}, too`);
  }
  // What it may hold is the context's to check.
  return Object.fromEntries(contextNames(column).map((name, i) => [name, row[properties[i]!]])) as ColumnContext;
}

/** A value whose context changed under it never decrypts again. */
function refuseLostContext({ property, column }: BoundColumn, properties: readonly string[], changes: AnyRow, place: AnyRow): void {
  if (changes[property] !== undefined) return;
  const moved = properties.find((name) => changes[name] !== undefined && !isSame(changes[name], place[name]));
  if (moved === undefined) return;
  throw new LockfastError('invalid-context', `${column.id}: ${moved} changes, and ${property} is bound to what it was`, `give ${property} in the same call, decrypted with decryptRow before`);
}
