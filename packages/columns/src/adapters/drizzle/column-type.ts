/** What Drizzle's `customType` is made of. It sees a value alone, never its row. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column, Stored } from '../../index.ts';
import { type DriverForm, driverFormOf } from '../driver-form.ts';
import { EncryptedValue } from '../encrypted-value.ts';

/** The parameter of `customType` of drizzle-orm: `customType<ValuesOf<typeof apiKey>>(columnType(apiKey))`. */
export interface ColumnType<Data> {
  dataType(): string;
  toDriver(value: Data): unknown;
  fromDriver(received: unknown): Data;
}

/** The type parameter of `customType` for {@link columnType}. */
// Not an interface: Drizzle asks for index signatures nowhere, and an alias shows its members where one hovers.
export type ValuesOf<C> = C extends Column<infer V> ? { data: V; driverData: unknown } : never;

/** The type parameter of `customType` for {@link boundColumnType}. */
export type BoundValuesOf<C> = C extends Column<infer V> ? { data: EncryptedValue<V>; driverData: unknown } : never;

/** How `encryptRow` knows such a column of a table again: its `toDriver` carries it. */
const BOUND: unique symbol = Symbol('lockfast bound column');

/**
 * For a column without a context: encrypts what is written, decrypts what is read.
 *
 * A value in a condition (`eq(table.apiKey, 'x')`) reaches it in the same way as one that is to be stored, is encrypted
 * under a nonce of its own and so equals nothing.
 *
 * @param sqlType such as `varchar(500)`, `jsonb`; `text` or `bytea` without it, as the definition's storage
 * @throws LockfastError `usage` for a column with a context
 */
export function columnType<V>(column: Column<V>, sqlType?: string): ColumnType<V> {
  if (contextNames(column).length > 0) {
    throw new LockfastError('usage', `${column.id}: its values are bound to ${contextNames(column).join(', ')}, and a column type of Drizzle does not see the row`, 'use boundColumnType, with encryptRow and decryptRows');
  }
  const form = driverFormOf(column, sqlType);
  return {
    dataType: () => form.sqlType,
    toDriver: (value) => driven(form, column.encrypt(value)),
    fromDriver: (received) => column.decrypt(form.fromDriver(received)),
  };
}

/**
 * For a column with a context: stores nothing but encrypted values of this column, which `encryptRow` makes, and hands out
 * {@link EncryptedValue}s, which `decryptRows` decrypts.
 *
 * @param sqlType as of {@link columnType}
 * @throws LockfastError `usage` for a column without a context
 */
export function boundColumnType<V>(column: Column<V>, sqlType?: string): ColumnType<EncryptedValue<V>> {
  if (contextNames(column).length === 0) {
    throw new LockfastError('usage', `${column.id}: its values are bound to no other column`, 'use columnType, which needs no encryptRow');
  }
  const form = driverFormOf(column, sqlType);
  const storing = (value: EncryptedValue<V> | null): unknown => {
    // As a parameter of a prepared statement, null comes here, too.
    if (value === null) return null;
    if (value instanceof EncryptedValue && value.column.id === column.id && column.isEncrypted(value.stored)) return driven(form, value.stored);
    throw new LockfastError('usage', `${column.id}: this is not an encrypted value of the column, which stores nothing else and is compared with nothing else`, 'pass the row through encryptRow or encryptChanges; a condition on an encrypted column finds nothing');
  };
  return {
    dataType: () => form.sqlType,
    toDriver: Object.assign(storing, { [BOUND]: column }),
    fromDriver: (received) => new EncryptedValue(column, form.fromDriver(received)),
  };
}

/** The encrypted column that a `toDriver` is of, if {@link boundColumnType} made it. */
export function boundColumnOf(toDriver: unknown): Column<unknown> | undefined {
  return typeof toDriver === 'function' ? (toDriver as { readonly [BOUND]?: Column<unknown> })[BOUND] : undefined;
}

export function contextNames(column: Column<unknown>): readonly string[] {
  return column.definition.context ?? [];
}

function driven(form: DriverForm, stored: Stored | null): unknown {
  return stored === null ? null : form.toDriver(stored);
}
