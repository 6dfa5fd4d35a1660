/** The time inside a value: its age, a maximum age to the millisecond, and what rewrapping keeps of it. */
import type { ValueCipher } from '@lockfast/core/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { cipherOf, KEYS, OLDER_KEYS, SetClock } from './keys.ts';
import { cases, LONG } from './scale.ts';

const BORN = 1_767_225_600_000;
const SKEW = 60_000;
const context = { tenant: 'acme', place: ['t.c', 1] };

function at(time: number, keys = KEYS): ValueCipher {
  return cipherOf(keys, { clock: new SetClock(time) });
}

const value = at(BORN).encrypt('x', context);
const binary = at(BORN).encryptBinary('x', context);
const [batched] = at(BORN).encryptBatch(['x'], [context]);

test('[T7] the age of a value, in every form, to the millisecond', () => {
  for (const one of [value, binary, batched!]) {
    expect(at(BORN).ageOf(one, context)).toBe(0);
    expect(at(BORN + 1).ageOf(one, context)).toBe(1);
    expect(at(BORN + 86_400_000).ageOf(one, context)).toBe(86_400_000);
    // A clock that was put back: the age is what it is.
    expect(at(BORN - 5).ageOf(one, context)).toBe(-5);
  }
});

test('[T7] an age is proven: an altered or moved value has none', () => {
  expect(refusalOf(() => at(BORN).ageOf(value, { tenant: 'other', place: ['t.c', 1] })).code).toBe('moved-or-altered');
  expect(refusalOf(() => at(BORN).ageOf(`${value.slice(0, -2)}AA`, context)).code).toMatch(/malformed|moved-or-altered/);
});

test('[T7] any time from 1970 to the year 10889', LONG, () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (born) => at(born + 7).ageOf(at(born).encrypt('x', context), context) === 7),
    { numRuns: cases(200) },
  );
});

describe('[T7] a maximum age', () => {
  const opens = (now: number, maxAge: number): boolean => {
    const cipher = at(now);
    const answers = [value, binary, batched!].map((one) => {
      try {
        return cipher.decrypt(one, context, { maxAge }) === 'x';
      } catch {
        expect(refusalOf(() => cipher.decryptBytes(one, context, { maxAge })).code).toBe('too-old');
        expect(refusalOf(() => cipher.decryptBatch([one], [context], { maxAge })).code).toBe('too-old');
        return false;
      }
    });
    expect(new Set(answers).size).toBe(1);
    return answers[0]!;
  };

  test.for([0, 1, 999, 1000, 60_000, 86_400_000])('of %i ms: to the millisecond', (maxAge) => {
    expect(opens(BORN + maxAge - 1, maxAge)).toBe(true);
    expect(opens(BORN + maxAge, maxAge)).toBe(true);
    expect(opens(BORN + maxAge + 1, maxAge)).toBe(false);
  });

  test('a value from the future: one minute of clock skew, to the millisecond', () => {
    expect(opens(BORN - SKEW + 1, 1000)).toBe(true);
    expect(opens(BORN - SKEW, 1000)).toBe(true);
    expect(opens(BORN - SKEW - 1, 1000)).toBe(false);
    // Even the longest age does not excuse it (CVE-2021-32923: one second off, and it never expired).
    expect(opens(BORN - SKEW - 1, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(opens(BORN - SKEW - 1, Number.POSITIVE_INFINITY)).toBe(false);
  });

  test('that is no number refuses', () => {
    expect(opens(BORN, Number.NaN)).toBe(false);
    expect(opens(BORN, -1)).toBe(false);
  });

  test('is not looked at unless it is asked for', () => {
    expect(at(BORN - 10 * SKEW).decrypt(value, context)).toBe('x');
    expect(at(BORN + 1e12).decrypt(value, context, {})).toBe('x');
  });
});

describe('rewrap', () => {
  const old = at(BORN, OLDER_KEYS).encrypt('x', context);
  const oldBinary = at(BORN, OLDER_KEYS).encryptBinary('x', context);

  test('[T7] puts a value under the active key and keeps its time and its form', () => {
    const later = at(BORN + 5_000);
    const again = later.rewrap(old, context);
    expect(again).toMatch(/^lfv1\.newer3\./);
    expect(later.decrypt(again, context)).toBe('x');
    expect(later.ageOf(again, context)).toBe(5_000);
    const binaryAgain = later.rewrap(oldBinary, context);
    expect(binaryAgain.toString('latin1', 0, 12)).toBe('lfv1.newer3.');
    expect(later.ageOf(binaryAgain, context)).toBe(5_000);
  });

  test('[T7] can not make a value younger', () => {
    const again = at(BORN + 5_000).rewrap(old, context);
    expect(refusalOf(() => at(BORN + 6_000).decrypt(again, context, { maxAge: 5_999 })).code).toBe('too-old');
  });

  test('[D1] under the active key already: the same, and proven', () => {
    expect(at(BORN).rewrap(value, context)).toBe(value);
    const same = at(BORN).rewrap(binary, context);
    expect(same).toEqual(binary);
    expect(same).not.toBe(binary);
    expect(refusalOf(() => at(BORN).rewrap(value, { place: ['elsewhere'] })).code).toBe('moved-or-altered');
  });

  test('[B4] keeps the place: it opens where it did and nowhere else', () => {
    const again = at(BORN).rewrap(old, context);
    expect(refusalOf(() => at(BORN).decrypt(again, { tenant: 'other', place: ['t.c', 1] })).code).toBe('moved-or-altered');
    expect(refusalOf(() => at(BORN).rewrap(old, { tenant: 'other', place: ['t.c', 1] })).code).toBe('moved-or-altered');
  });

  test('[D1] any bytes', LONG, () => {
    const older = cipherOf(OLDER_KEYS);
    const newer = cipherOf();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => newer.decryptBytes(newer.rewrap(older.encrypt(bytes, context), context), context).equals(bytes)),
      { numRuns: cases(500) },
    );
  });

  test('[D5] what is no value', () => {
    expect(refusalOf(() => at(BORN).rewrap('plain', context)).code).toBe('not-encrypted');
    expect(refusalOf(() => at(BORN).rewrap(old.slice(0, 50), context)).code).toBe('malformed');
  });
});
