/** What a column's cell holds, as the port has it. */
import type { SQLOutputValue } from 'node:sqlite';

import { START_CHARACTERS, type StoredRow } from '../database.ts';
import { memberIn, type Span } from './json-member.ts';
import type { StoredValue } from './stored-value.ts';

/** The type that SQLite stored a value as: its `typeof`. */
export type StoredType = 'null' | 'integer' | 'real' | 'text' | 'blob';

/** @returns a value of another type than the column's storage has is in the form of the other storage: the engine leaves it alone */
export function valueIn(type: StoredType, stored: SQLOutputValue, { storage, path }: StoredValue): StoredRow['value'] {
  if (type === 'null') return null;
  if (storage === 'binary') return type === 'blob' ? bytesOf(stored) : String(stored);
  if (type !== 'text') return type === 'blob' ? bytesOf(stored) : Buffer.from(String(stored));
  const text = String(stored);
  if (storage === 'text') return text;
  if (!isJson(text)) return Buffer.from(text);
  if (path.length === 0) return text.trim() === 'null' ? null : text;
  const span = memberIn(text, path);
  return span === undefined ? null : orNull(textAt(text, span));
}

/** The document with another member in place of the one that was read; undefined where that one is not there any more. */
export function documentWith(stored: SQLOutputValue, path: readonly string[], before: string | null, after: string | null): string | undefined {
  if (typeof stored !== 'string' || !isJson(stored)) return undefined;
  const span = memberIn(stored, path);
  if (span === undefined || orNull(textAt(stored, span)) !== before) return undefined;
  return `${stored.slice(0, span.from)}${after ?? 'null'}${stored.slice(span.to)}`;
}

/** How a value begins, as `ColumnTable.census` tells it. */
export function startOf(value: StoredRow['value'], storage: StoredValue['storage']): string | null {
  if (value === null) return null;
  const text = typeof value === 'string' ? value.slice(0, 13) : value.toString('latin1', 0, 13);
  const start = storage === 'json' && text.startsWith('"') ? text.slice(1) : text.slice(0, START_CHARACTERS);
  if (start.startsWith('lfv1.') || start.startsWith('lfi1.')) return start;
  return start.startsWith('gAAAAA') ? 'gAAAAA' : '';
}

export function beginsWith(value: string | Buffer, start: string, storage: StoredValue['storage']): boolean {
  const wanted = storage === 'json' ? `"${start}` : start;
  return typeof value === 'string' ? value.startsWith(wanted) : value.toString('latin1', 0, wanted.length) === wanted;
}

function bytesOf(stored: SQLOutputValue): Buffer {
  // What a function makes of no bytes comes as null.
  if (stored === null) return Buffer.alloc(0);
  const { buffer, byteOffset, length } = stored as Uint8Array<ArrayBuffer>;
  return Buffer.from(buffer, byteOffset, length);
}

function orNull(text: string): string | null {
  return text === 'null' ? null : text;
}

function textAt(text: string, { from, to }: Span): string {
  return text.slice(from, to);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
