/** What goes in comes out, byte for byte, in every form; what could not come out again does not go in. */
import type { Context } from '@lockfast/core/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { cipherOf, OLDER_KEYS } from './keys.ts';
import { cases, LONG } from './scale.ts';

const cipher = cipherOf();
const context: Context = { tenant: 'acme', place: ['t.c', 1] };

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii', maxLength: 300 }));
const bytes = fc.uint8Array({ maxLength: 300 });

test('[D1] any text, text and binary form', LONG, () => {
  fc.assert(
    fc.property(text, (value) => {
      const encrypted = cipher.encrypt(value, context);
      const binary = cipher.encryptBinary(value, context);
      return (
        cipher.decrypt(encrypted, context) === value &&
        cipher.decrypt(binary, context) === value &&
        cipher.decryptBytes(encrypted, context).equals(Buffer.from(value, 'utf8')) &&
        /^lfv1\.newer3\.[A-Za-z0-9_-]+$/.test(encrypted) &&
        // Three quarters, but for the header.
        encrypted.length === 12 + Math.ceil(((binary.length - 12) * 4) / 3) &&
        binary.length === 12 + 24 + 32 + 7 + Buffer.byteLength(value) + 16
      );
    }),
    { numRuns: cases(4_000) },
  );
});

test('[D1] any bytes, text and binary form', LONG, () => {
  fc.assert(
    fc.property(bytes, (value) => {
      const before = Buffer.from(value);
      const read = [cipher.encrypt(value, context), cipher.encryptBinary(value, context)].map((one) => cipher.decryptBytes(one, context));
      return read.every((one) => one.equals(before)) && before.equals(value);
    }),
    { numRuns: cases(4_000) },
  );
});

test('[D1] [D5] any batch gives what single calls give', LONG, () => {
  const items = fc.array(fc.tuple(fc.option(text), fc.nat(5)), { maxLength: 20 });
  fc.assert(
    fc.property(items, (list) => {
      const values = list.map(([value]) => value);
      const contexts = list.map(([, row]) => ({ place: ['t.c', row] }));
      const encrypted = cipher.encryptBatch(values, contexts);
      const single = encrypted.map((one, i) => cipher.decrypt(one, contexts[i]!));
      return [single, cipher.decryptBatch(encrypted, contexts)].every((read) => read.every((one, i) => one === values[i]));
    }),
    { numRuns: cases(500) },
  );
});

test('[D1] values of one writer open for another that shares nothing but the key', () => {
  for (let i = 0; i < 200; i++) {
    const value = cipherOf(OLDER_KEYS).encrypt(`value ${i}`, context);
    expect(cipher.decrypt(value, context)).toBe(`value ${i}`);
  }
  // More writers than a reader keeps prefixes of, read twice.
  const values = Array.from({ length: 200 }, (_, i) => cipherOf().encrypt(`value ${i}`, context));
  for (const _ of [1, 2]) expect(values.map((value) => cipher.decrypt(value, context))).toEqual(values.map((__, i) => `value ${i}`));
});

describe('[D5] the smallest values', () => {
  test('null stays null', () => {
    expect(cipher.encrypt(null, context)).toBeNull();
    expect(cipher.encryptBinary(null, context)).toBeNull();
    expect(cipher.decrypt(null, context)).toBeNull();
    expect(cipher.decryptBytes(null, context)).toBeNull();
    expect(cipher.encryptBatch([null, 'a', null], [context, context, context]).map((value) => typeof value)).toEqual(['object', 'string', 'object']);
    expect(cipher.decryptBatch([null, null], [context, context])).toEqual([null, null]);
    expect(cipher.encryptBatch([], [])).toEqual([]);
  });

  test.for(['', '0', ' ', '\n', '\0', 'null', 'undefined', 'false', '🔑', '\ufeff', '\ufffd', 'e\u0301', 'lfv1', 'lfv1.', 'lfv1.kq2d5x.short'])('%j round-trips', (value) => {
    expect(cipher.decrypt(cipher.encrypt(value, context), context)).toBe(value);
  });

  test('no bytes round-trip', () => {
    expect(cipher.decryptBytes(cipher.encrypt(new Uint8Array(), context), context)).toEqual(Buffer.alloc(0));
  });
});

describe('[D5] what is not text or bytes is refused', () => {
  test.for<unknown>(['\ud800', 'a\udc00b', '\udc00\ud800', undefined, 7, 7n, true, {}, ['a'], new Date(0), new ArrayBuffer(4)])('%o', (value) => {
    expect(refusalOf(() => cipher.encrypt(value as string, context)).code).toBe('invalid-text');
    expect(refusalOf(() => cipher.encryptBinary(value as string, context)).code).toBe('invalid-text');
    expect(refusalOf(() => cipher.encryptBatch(['fine', value as string], [context, context])).code).toBe('invalid-text');
  });

  test('bytes read as text', () => {
    const value = cipher.encrypt(Uint8Array.of(0xff), context);
    expect(refusalOf(() => cipher.decrypt(value, context)).code).toBe('invalid-text');
    expect(cipher.decryptBytes(value, context)).toEqual(Buffer.of(0xff));
  });
});

describe('[D1] what is encrypted already is refused, in every form', () => {
  const value = cipher.encrypt('x', context);
  const binary = cipher.encryptBinary('x', context);
  const foreign = `lfv1.zzzzzz.${'A'.repeat(100)}`;
  test.for<[string, string | Uint8Array]>([
    ['text', value],
    ['binary', binary],
    ['text as bytes', Buffer.from(value)],
    ['of a key that nobody has', foreign],
    ['of another writer', cipherOf(OLDER_KEYS).encrypt('y', context)],
  ])('%s', ([, one]) => {
    expect(refusalOf(() => cipher.encrypt(one, context)).code).toBe('already-encrypted');
    expect(refusalOf(() => cipher.encryptBinary(one, context)).code).toBe('already-encrypted');
    expect(refusalOf(() => cipher.encryptBatch(['fine', one], [context, context])).code).toBe('already-encrypted');
  });
});

describe('the limit of 16 MiB', () => {
  const MOST = 16 * 2 ** 20;

  test('[D1] a value of exactly 16 MiB, in both forms', LONG, () => {
    const value = Buffer.alloc(MOST, 'sixteen ');
    expect(cipher.decryptBytes(cipher.encrypt(value, context), context).equals(value)).toBe(true);
    expect(cipher.decryptBytes(cipher.encryptBinary(value, context), context).equals(value)).toBe(true);
  });

  test('[D5] a byte more is refused, counted in UTF-8', () => {
    expect(refusalOf(() => cipher.encrypt(Buffer.alloc(MOST + 1), context)).code).toBe('too-large');
    expect(refusalOf(() => cipher.encrypt('x'.repeat(MOST + 1), context)).code).toBe('too-large');
    expect(refusalOf(() => cipher.encrypt('é'.repeat(MOST / 2 + 1), context)).code).toBe('too-large');
  });

  test('[D5] a larger one is refused before it is looked at', () => {
    const huge = `lfv1.newer3.${'A'.repeat(23 * 2 ** 20)}`;
    expect(refusalOf(() => cipher.decrypt(huge, context)).code).toBe('malformed');
    expect(refusalOf(() => cipher.decrypt(Buffer.from(huge), context)).code).toBe('malformed');
  });
});
