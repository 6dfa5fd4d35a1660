/** A value is bound to its place: one place has one encoding, two places have two. */
import type { Context } from '@lockfast/core/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { AdditionalData, contextText } from '../../src/formats/context.ts';
import { lengthPrefixed } from '../../src/formats/length-prefix.ts';
import { refusalOf } from '../files/refusal.ts';
import { cipherOf } from './keys.ts';
import { cases, LONG } from './scale.ts';

const UUID = '0f8fad5b-d9cb-469f-a165-70867728950e';

/** Texts that are easily confused: few characters, many of which look like the encoding itself. */
const part = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: fc.constantFrom('a', 'b', '\0', '\x01', '.', ',', '-', 'é', 'e\u0301', '🔑'), maxLength: 4 }) },
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.uuid(),
  fc.uuid().map((uuid) => uuid.toUpperCase()),
  fc.maxSafeInteger(),
  fc.bigInt(),
);
const fields = fc.record({
  header: fc.constantFrom('lfv1.kq2d5x.', 'lfv1.b7m3za.'),
  purpose: fc.constantFrom('column', 'env'),
  environment: fc.constantFrom('production', 'staging'),
  tenant: fc.option(part, { nil: undefined }),
  place: fc.array(part, { minLength: 1, maxLength: 4 }),
});

interface Fields {
  readonly header: string;
  readonly purpose: string;
  readonly environment: string;
  readonly tenant: string | number | bigint | undefined;
  readonly place: readonly (string | number | bigint)[];
}

function aad({ header, purpose, environment, tenant, place }: Fields): string {
  const context: Context = tenant === undefined ? { place } : { tenant, place };
  return new AdditionalData(header, purpose, environment).of(context).toString('hex');
}

/** What a context says, by the documented rules alone. */
function meaning({ header, purpose, environment, tenant, place }: Fields): string {
  return JSON.stringify([header, purpose, environment, tenant ?? '', ...place].map((value) => {
    const text = String(Object.is(value, -0) ? 0 : value);
    return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text) ? text.toLowerCase() : text;
  }));
}

test('[B4] two contexts have the same additional data exactly when they say the same', LONG, () => {
  // Half of the pairs differ in one field only, where a collision would be likeliest.
  const pair = fc.oneof(
    fc.tuple(fields, fields),
    fc.tuple(fields, fields, fc.constantFrom('tenant', 'place', 'purpose', 'environment', 'header')).map(([a, b, name]) => [a, { ...a, [name]: b[name] }] as const),
  );
  fc.assert(
    fc.property(pair, ([a, b]) => {
      return (aad(a) === aad(b)) === (meaning(a) === meaning(b));
    }),
    { numRuns: cases(6_000) },
  );
});

test('[B4] no text slides from one field into the next', LONG, () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('a', '\0', '\x01', '\x02'), maxLength: 6 }), { maxLength: 5 });
  const seen = new Map<string, string>();
  fc.assert(
    fc.property(texts, (list) => {
      const encoded = lengthPrefixed(list).toString('hex');
      const before = seen.get(encoded);
      seen.set(encoded, JSON.stringify(list));
      return before === undefined || before === JSON.stringify(list);
    }),
    { numRuns: cases(10_000) },
  );
});

test('[B4] a value decrypts under the same context and under no other', LONG, () => {
  const cipher = cipherOf();
  const place = fc.array(part, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(place, place, part, (here, there, tenant) => {
      const value = cipher.encrypt('x', { tenant, place: here });
      expect(cipher.decrypt(value, { tenant, place: [...here] })).toBe('x');
      const elsewhere: Context = { tenant, place: there };
      const same = here.length === there.length && here.every((one, i) => contextText(one) === contextText(there[i]!));
      if (same) expect(cipher.decrypt(value, elsewhere)).toBe('x');
      else expect(refusalOf(() => cipher.decrypt(value, elsewhere)).code).toBe('moved-or-altered');
      expect(refusalOf(() => cipher.decrypt(value, { tenant, place: [...here, ''] })).code).toBe('moved-or-altered');
    }),
    { numRuns: cases(500) },
  );
});

describe('[B4] one place, however a driver hands its id over', () => {
  test.each<[string, string | number | bigint, string | number | bigint]>([
    ['a number and its decimal text', 42, '42'],
    ['a number and a bigint', 42, 42n],
    ['a negative number', -7, '-7'],
    ['minus zero and zero', -0, 0],
    ['the largest safe integer', Number.MAX_SAFE_INTEGER, BigInt(Number.MAX_SAFE_INTEGER)],
    ['a bigint beyond it', 2n ** 64n, '18446744073709551616'],
    ['a UUID in either case', UUID.toUpperCase(), UUID],
  ])('%s', (_, a, b) => {
    const cipher = cipherOf();
    expect(cipher.decrypt(cipher.encrypt('x', { tenant: a, place: [a] }), { tenant: b, place: [b] })).toBe('x');
  });

  test('an absent tenant and an empty one', () => {
    const cipher = cipherOf();
    expect(cipher.decrypt(cipher.encrypt('x', { place: ['p'] }), { tenant: '', place: ['p'] })).toBe('x');
  });
});

describe('[B4] two places that look alike', () => {
  test.each<[string, string, string]>([
    ['letters of another case', 'Acme', 'acme'],
    ['a leading zero', '042', '42'],
    ['a plus sign', '+42', '42'],
    ['a trailing space', 'acme ', 'acme'],
    ['another normal form', 'é', 'e\u0301'],
    ['a UUID in braces', `{${UUID.toUpperCase()}}`, `{${UUID}}`],
    ['a UUID without dashes', UUID.replaceAll('-', '').toUpperCase(), UUID.replaceAll('-', '')],
    ['a trailing NUL', 'acme\0', 'acme'],
  ])('%s', (_, a, b) => {
    const cipher = cipherOf();
    const value = cipher.encrypt('x', { place: [a] });
    expect(refusalOf(() => cipher.decrypt(value, { place: [b] })).code).toBe('moved-or-altered');
  });
});

describe('[B4] a context that is none', () => {
  const bad: [string, unknown][] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', 'tenants.api_key'],
    ['no place', {}],
    ['an empty place', { place: [] }],
    ['a place that is a text', { place: 'tenants.api_key' }],
    ['a part that is null', { place: ['t', null] }],
    ['a part that is undefined', { place: ['t', undefined] }],
    ['a part that is a fraction', { place: ['t', 1.5] }],
    ['a part that is NaN', { place: ['t', Number.NaN] }],
    ['a part that is infinite', { place: ['t', Number.POSITIVE_INFINITY] }],
    ['a part beyond the safe integers', { place: ['t', 2 ** 53] }],
    ['a part that is true', { place: ['t', true] }],
    ['a part that is a date', { place: ['t', new Date(0)] }],
    ['a part that is an array', { place: ['t', ['a']] }],
    ['a part that is bytes', { place: ['t', Buffer.from('a')] }],
    ['a part with a lone surrogate', { place: ['t', 'a\ud800'] }],
    // A NULL column must not pass for "no tenant".
    ['a tenant that is null', { tenant: null, place: ['t'] }],
    ['a tenant that is an object', { tenant: { id: 1 }, place: ['t'] }],
  ];
  test.each(bad)('%s', (_, context) => {
    const cipher = cipherOf();
    const good = cipher.encrypt('x', { place: ['t'] });
    for (const action of [
      () => cipher.encrypt('x', context as Context),
      () => cipher.encryptBinary('x', context as Context),
      () => cipher.encryptBatch(['x', 'y'], [{ place: ['t'] }, context as Context]),
      () => cipher.decrypt(good, context as Context),
      () => cipher.decryptBatch([good], [context as Context]),
      () => cipher.ageOf(good, context as Context),
      () => cipher.rewrap(good, context as Context),
    ]) {
      expect(refusalOf(action).code).toBe('invalid-context');
    }
  });

  test('a batch with another number of contexts', () => {
    const cipher = cipherOf();
    expect(refusalOf(() => cipher.encryptBatch(['x', 'y'], [{ place: ['t'] }])).code).toBe('invalid-context');
    expect(refusalOf(() => cipher.decryptBatch(['x'], [])).code).toBe('invalid-context');
  });

  test.each(['', 'a\udc00', undefined, 7])('a purpose that is none: %o', (purpose) => {
    expect(refusalOf(() => cipherOf(undefined, { purpose: purpose as string })).code).toBe('invalid-context');
  });

  test.each([0, 16, 31, 33])('a salt of %i bytes', (length) => {
    expect(refusalOf(() => cipherOf(undefined, { salt: Buffer.alloc(length) })).code).toBe('invalid-context');
  });
});
