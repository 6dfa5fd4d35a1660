/** What a stored value is on its way to a driver and back. */
import type { Column, Stored } from '../index.ts';
import { storedOfParsed } from './parsed-json.ts';
import { refuseOtherStorage } from './type-storage.ts';

export interface DriverForm {
  /** The column's type in SQL. */
  readonly sqlType: string;
  toDriver(stored: Stored): unknown;
  /** Anything that is no stored value goes on as it is: the column refuses it. */
  fromDriver(received: unknown): Stored;
}

const JSON_TYPES = ['json', 'jsonb'];
const HEXADECIMAL = /^\\x(?:[0-9a-f]{2})*$/;

/** @throws LockfastError `usage` where a column of that type can't hold its values */
export function driverFormOf<V>(column: Column<V>, sqlType: string | undefined): DriverForm {
  const { storage = 'text' } = column.definition;
  if (sqlType !== undefined) refuseOtherStorage(column, sqlType);
  if (sqlType !== undefined && JSON_TYPES.includes(sqlType)) return jsonForm(column, sqlType);
  if (storage === 'binary') return { sqlType: sqlType ?? 'bytea', toDriver: (stored) => stored, fromDriver: bytesOf };
  return { sqlType: sqlType ?? 'text', toDriver: (stored) => stored, fromDriver: (received) => received as Stored };
}

/** In the rows of a relation, which PostgreSQL hands over as JSON, bytes are text in hexadecimal. */
function bytesOf(received: unknown): Stored {
  if (typeof received === 'string' && HEXADECIMAL.test(received)) return Buffer.from(received.slice(2), 'hex');
  return received as Stored;
}

/** The encrypted value as a JSON string, so that a column that was JSON before it was encrypted can stay one. */
function jsonForm<V>(column: Column<V>, sqlType: string): DriverForm {
  return {
    sqlType,
    toDriver: (stored) => JSON.stringify(stored),
    fromDriver: (received) => storedOfParsed(column, received),
  };
}
