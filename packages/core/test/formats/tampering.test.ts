/** No change of a value gives another plaintext: each is refused, with a code that says which part was changed. */
import type { Encrypted } from '@lockfast/core/formats';
import { expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { cipherOf, KEYS } from './keys.ts';
import { withoutStacks } from './scale.ts';

const cipher = cipherOf(KEYS);
const context = { tenant: 'acme', place: ['tenants.api_key', 42] };
const text = cipher.encrypt('a secret', context);
const binary = cipher.encryptBinary('a secret', context);

/** What a changed value may be refused as. */
const CODES = ['not-encrypted', 'malformed', 'missing-key', 'wrong-key', 'moved-or-altered'];
const HEADER = 12;
/** Nonce and commitment, which together prove the key. */
const KEY_PART = 24 + 32;

/** Not `expect`: it is called a hundred thousand times. */
function refusedAs(value: Encrypted, ...allowed: string[]): void {
  const { code } = refusalOf(() => cipher.decryptBytes(value, context));
  if (!allowed.includes(code)) throw new Error(`refused as ${code}, not as ${allowed.join(' or ')}: ${Buffer.from(value).toString('latin1')}`);
}

test('[D5] every change of one byte of the binary form', () => {
  withoutStacks(() => {
    for (let at = 0; at < binary.length; at++) {
      for (let by = 1; by < 256; by++) {
        const altered = Buffer.from(binary);
        altered[at]! ^= by;
        if (at < 5) refusedAs(altered, 'not-encrypted');
        else if (at < HEADER) refusedAs(altered, 'malformed', 'missing-key');
        else refusedAs(altered, at < HEADER + KEY_PART ? 'wrong-key' : 'moved-or-altered');
      }
    }
  });
});

test('[D5] every change of one character of the text form', () => {
  withoutStacks(() => {
    for (let at = 0; at < text.length; at++) {
      for (let character = 0; character < 128; character++) {
        if (text.charCodeAt(at) === character) continue;
        const altered = text.slice(0, at) + String.fromCharCode(character) + text.slice(at + 1);
        if (at < 5) refusedAs(altered, 'not-encrypted');
        else if (at < HEADER) refusedAs(altered, 'malformed', 'missing-key');
        else refusedAs(altered, 'malformed', 'wrong-key', 'moved-or-altered');
      }
    }
  });
});

test('[D5] every truncation, from either end', () => {
  for (let length = 0; length < text.length; length++) {
    refusedAs(text.slice(0, length), ...CODES);
    refusedAs(text.slice(text.length - length), ...CODES);
  }
  for (let length = 0; length < binary.length; length++) {
    refusedAs(binary.subarray(0, length), ...CODES);
    refusedAs(binary.subarray(binary.length - length), ...CODES);
  }
});

test('[D5] every character left out, doubled or exchanged with its neighbour', () => {
  for (let at = 0; at < text.length; at++) {
    refusedAs(text.slice(0, at) + text.slice(at + 1), ...CODES);
    refusedAs(text.slice(0, at) + text[at]! + text.slice(at), ...CODES);
    const exchanged = text.slice(0, at) + (text[at + 1] ?? '') + text[at]! + text.slice(at + 2);
    if (exchanged !== text) refusedAs(exchanged, ...CODES);
  }
});

test('[D5] parts of two values put together', () => {
  const other = cipher.encryptBinary('another!', context);
  for (let at = HEADER + 1; at < binary.length; at++) {
    // The two share the first half of the nonce, so up to its end the second value is whole.
    if (at > HEADER + 12) refusedAs(Buffer.concat([binary.subarray(0, at), other.subarray(at)]), ...CODES);
  }
});

test('the bytes that are handed in are not changed, and what comes out is not part of them', () => {
  const before = Buffer.from(binary);
  const value = cipher.decryptBytes(binary, context);
  value.fill(0);
  expect(binary.equals(before)).toBe(true);
  expect(cipher.decrypt(binary, context)).toBe('a secret');
});

test('a value inside a larger buffer, at any offset', () => {
  for (const offset of [0, 1, 7, 4096]) {
    const large = new Uint8Array(binary.length + offset + 3);
    large.set(binary, offset);
    expect(cipher.decrypt(large.subarray(offset, offset + binary.length), context)).toBe('a secret');
  }
});
