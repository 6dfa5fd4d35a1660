/** Rows on their way into INSERT and UPDATE, named as in the database. */
import type { LockfastError } from '@lockfast/core/errors';

import type { Column, ColumnContext } from '../../index.ts';
import { EncryptedValue } from '../encrypted-value.ts';
import { isSame } from '../same-value.ts';
import { type ProtectedAttribute, protectedAttributes } from './protected-attributes.ts';
import { refuseContextChange, refuseUnknownContext } from './refusals.ts';
import type { Row, SequelizeInstance, SequelizeModel } from './sequelize-shapes.ts';

/** The value of a column of the row, undefined where it is not known. */
export type Place = (field: string) => unknown;

/** For an INSERT: each row says what its values are bound to. @throws LockfastError `invalid-context`, and as `Column.encryptBatch` */
export function encryptRows(model: SequelizeModel, rows: readonly Row[]): Row[] {
  const encrypted = rows.map((row): Record<string, unknown> => ({ ...row }));
  for (const one of protectedAttributes(model)) {
    const given = encrypted.filter((row) => row[one.field] !== undefined && row[one.field] !== null && !(row[one.field] instanceof EncryptedValue));
    const stored = one.column.encryptBatch(
      given.map((row) => row[one.field]),
      given.map((row) => contextAt(one, (field) => row[field], refuseUnknownContext)),
    );
    given.forEach((row, i) => (row[one.field] = new EncryptedValue(one.column, stored[i]!)));
  }
  return encrypted;
}

/**
 * For an UPDATE.
 *
 * @param now what the columns are before it, as far as that is known
 * @throws LockfastError `invalid-context` where a context column changes and a value that is bound to it is not given anew; and as {@link encryptRows}
 */
export function encryptChanges(model: SequelizeModel, changes: Row, now: Place): Row {
  const encrypted: Record<string, unknown> = { ...changes };
  for (const one of protectedAttributes(model)) {
    const value = changes[one.field];
    const moved = movedContext(one, changes, now);
    if (value === undefined && moved !== undefined) throw refuseContextChange(one.column, moved);
    if (value === undefined || value === null || value instanceof EncryptedValue) continue;
    const context = contextAt(one, (field) => changes[field] ?? now(field), refuseUnknownContext);
    encrypted[one.field] = new EncryptedValue(one.column, one.column.encrypt(value, context));
  }
  return encrypted;
}

/** The changes of an instance that is saved, and where it moves, all that is bound to its place. */
export function changesOfInstance(model: SequelizeModel, instance: SequelizeInstance, changes: Row): Row {
  const before = placeBefore(model, instance);
  const completed: Record<string, unknown> = { ...changes };
  for (const one of protectedAttributes(model)) {
    const value = instance.dataValues[one.attribute];
    if (completed[one.field] === undefined && value !== undefined && movedContext(one, changes, before) !== undefined) completed[one.field] = value;
  }
  return encryptChanges(model, completed, before);
}

/** Of an upsert: what it changes in a row that is there, wherever that is. @throws LockfastError `invalid-context` */
export function checkOverwritten(model: SequelizeModel, fields: readonly string[]): void {
  for (const { column, field, context } of protectedAttributes(model)) {
    const isOverwritten = fields.includes(field);
    const lost = context.find((one) => fields.includes(one.field) !== isOverwritten);
    if (lost !== undefined) throw refuseContextChange(column, lost.field);
  }
}

/** @throws LockfastError `missing` where it is not known */
export function contextAt({ column, context }: ProtectedAttribute, place: Place, missing: (column: Column<unknown>, name: string) => LockfastError): ColumnContext | undefined {
  if (context.length === 0) return undefined;
  const entries = context.map(({ field, attribute }): [string, unknown] => {
    const value = place(field);
    if (value === undefined || value === null) throw missing(column, attribute);
    return [field, value];
  });
  // What it may hold is the context's to check.
  return Object.fromEntries(entries) as ColumnContext;
}

function movedContext({ context }: ProtectedAttribute, changes: Row, now: Place): string | undefined {
  return context.find(({ field }) => changes[field] !== undefined && !isSame(changes[field], now(field)))?.attribute;
}

function placeBefore(model: SequelizeModel, instance: SequelizeInstance): Place {
  const attributes = new Map(Object.entries(model.rawAttributes).map(([attribute, { field = attribute }]) => [field, attribute]));
  return (field) => {
    const attribute = attributes.get(field) ?? field;
    return instance._previousDataValues[attribute] ?? instance.dataValues[attribute];
  };
}
