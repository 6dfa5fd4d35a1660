/** Between what stands in the database and what a format or an application has: for each kind of storage. */
import { isUtf8 } from 'node:buffer';

import type { Storage, Stored } from '../stored-format.ts';
import type { ValueTypeName } from '../value-type.ts';
import type { ColumnTable } from './database.ts';

export type ColumnStorage = ColumnTable['storage'];
export type ColumnValue = string | Buffer;

/** The form that a format stores encrypted values in: in JSON they are strings, so text. */
export function formOf(storage: ColumnStorage): Storage {
  return storage === 'binary' ? 'binary' : 'text';
}

/** JSON's own null is no value, as SQL's. */
export function isNull(value: ColumnValue | null, storage: ColumnStorage): value is null {
  return value === null || (storage === 'json' && value === 'null');
}

/**
 * Whether the value is of another type than the column's, which a database without fixed types lets stand: bytes where there should be text,
 * text where there should be bytes, what is no JSON. Nobody knows who reads it how, so it stays as it is.
 */
export function isOfOtherForm(value: ColumnValue, storage: ColumnStorage): boolean {
  return (storage === 'binary') === (typeof value === 'string');
}

/** What an encrypted value would be read from; undefined for JSON that is no string, and so is not encrypted. */
export function encryptedIn(value: ColumnValue, storage: ColumnStorage): Stored | undefined {
  return storage === 'json' ? stringIn(String(value)) : value;
}

/** What is written for an encrypted value. */
export function columnValueOf(stored: Stored, storage: ColumnStorage): ColumnValue {
  if (storage === 'json') return JSON.stringify(stored);
  return typeof stored === 'string' ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.length);
}

/**
 * The bytes that an application would have encrypted for this plaintext; undefined where it could not have written it: what is no
 * JSON in a column of JSON values, a number where it has text, or another type's value. It would not be able to read them afterwards.
 */
export function plaintextIn(value: ColumnValue, storage: ColumnStorage, as: ValueTypeName): Buffer | undefined {
  if (isOfOtherForm(value, storage)) return undefined;
  if (storage === 'json' && as !== 'json') {
    const text = stringIn(String(value));
    return text?.isWellFormed() === true ? Buffer.from(text, 'utf8') : undefined;
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value);
  if (as === 'text') return isUtf8(bytes) ? bytes : undefined;
  return as === 'bytes' || isJson(bytes) ? bytes : undefined;
}

/** What is written for a plaintext; undefined where the column can't hold it: bytes in a text column, the character NUL. */
export function columnValueOfPlaintext(bytes: Buffer, storage: ColumnStorage, as: ValueTypeName): ColumnValue | undefined {
  if (storage === 'binary') return Buffer.from(bytes);
  // PostgreSQL's text has no NUL, and its jsonb refuses it escaped, too: one such row would fail its whole batch.
  if (!isUtf8(bytes) || bytes.includes(0)) return undefined;
  const text = bytes.toString('utf8');
  if (storage === 'text') return text;
  if (as !== 'json') return JSON.stringify(text);
  return isJson(bytes) && !/\\u0000|\\ud[89a-f]/i.test(text) ? text : undefined;
}

function stringIn(json: string): string | undefined {
  // Most JSON is no string, and need not be parsed to see that.
  if (!json.trimStart().startsWith('"')) return undefined;
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? value : undefined;
}

function isJson(bytes: Buffer): boolean {
  if (!isUtf8(bytes)) return false;
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}
