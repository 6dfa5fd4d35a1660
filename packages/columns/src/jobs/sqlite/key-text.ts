/**
 * Values of key columns as text and back. SQLite's columns hold values of any type, and to it 1, '1' and x'31' are three keys: a text
 * that could be taken for another type's is quoted as SQL quotes it.
 */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';

import type { Affinity } from './table-columns.ts';

const INTEGER = /^-?\d+$/;
const REAL = /^(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|-?Infinity)$/;
const BYTES = /^x'((?:[0-9a-f]{2})*)'$/;
const QUOTED = /^'(.*)'$/s;

/** @param value not NULL */
export function keyText(value: SQLOutputValue, affinity: Affinity): string {
  if (typeof value === 'bigint') return String(value);
  // A REAL that is whole is another key than the INTEGER in a column that changes nothing.
  if (typeof value === 'number') return Number.isInteger(value) && !/e/.test(String(value)) ? `${Object.is(value, -0) ? '-0' : value}.0` : String(value);
  if (typeof value === 'string') return isPlain(value, affinity) ? value : `'${value}'`;
  return `x'${Buffer.from(value as Uint8Array).toString('hex')}'`;
}

/** What {@link keyText} was made of. */
export function keyValue(text: string, affinity: Affinity): SQLInputValue {
  if (text.endsWith("'")) {
    const [, bytes] = BYTES.exec(text) ?? [];
    if (bytes !== undefined) return Buffer.from(bytes, 'hex');
    const [, quoted] = QUOTED.exec(text) ?? [];
    if (quoted !== undefined) return quoted;
  }
  // A column of text holds no numbers.
  if (affinity === 'text') return text;
  if (INTEGER.test(text)) return BigInt(text);
  return REAL.test(text) ? Number(text) : text;
}

function isPlain(text: string, affinity: Affinity): boolean {
  return !(text.endsWith("'") && (BYTES.test(text) || QUOTED.test(text))) && (affinity === 'text' || !REAL.test(text));
}
