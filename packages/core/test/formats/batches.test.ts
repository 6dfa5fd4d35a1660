/** Batches that tell each value's own fate, or keep each value's own time: what a conversion of stored values is made of. */
import { type Context, type Derivation, HKDF, isEncrypted, keyIdOf, type Opened, type Sealable, ValueCipher } from '@lockfast/core/formats';
import type { KeyState } from '@lockfast/core/keyring';
import { LockfastError } from '@lockfast/core/errors';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { asRefusal, refusalOf } from '../files/refusal.ts';
import { cipherOf, KnownKeys, OLDER_KEYS, SetClock } from './keys.ts';
import { cases, LONG } from './scale.ts';
import { hex, known } from './vectors.ts';

const BORN = 1_767_225_600_000;
const context: Context = { tenant: 'acme', place: ['t.c', 1] };
const cipher = cipherOf();

function opened(answer: Opened | LockfastError | undefined): Opened {
  if (answer === undefined || answer instanceof LockfastError) throw answer ?? new Error('no answer');
  return answer;
}

describe('known answers', () => {
  const { keys, states, answers, failures } = known<{
    keys: Record<string, string>;
    states: Record<string, KeyState>;
    answers: (Reading & { name: string; text: string; binary: string; created: number | null; value: { text: string } | { hex: string } })[];
    failures: { reason: string; code: string; text?: string; hex?: string; reading: Reading }[];
  }>(import.meta.url, 'lfv1.json');

  interface Reading {
    readonly environment: string;
    readonly purpose: string;
    readonly salt: string | null;
    readonly iterations: number | null;
    readonly tenant: string | number | null;
    readonly place: readonly (string | number | { readonly bigint: string })[];
  }

  /** What one cipher can read: all but the place. */
  function scopeOf({ environment, purpose, salt, iterations }: Reading): string {
    return JSON.stringify([environment, purpose, salt, iterations]);
  }

  function cipherFor({ environment, purpose, salt, iterations }: Reading): ValueCipher {
    const derivation: Derivation = iterations === null ? HKDF : { name: 'pbkdf2-sha256', iterations };
    return new ValueCipher(new KnownKeys(keys, states, environment), { purpose, derivation, ...(salt === null ? {} : { salt: hex(salt) }) });
  }

  function contextOf({ tenant, place }: Reading): Context {
    const parts = place.map((part) => (typeof part === 'object' ? BigInt(part.bigint) : part));
    return tenant === null ? { place: parts } : { tenant, place: parts };
  }

  test('[D1] [T7] every answer, in both forms, among every refusal of its scope: each for itself', () => {
    for (const scope of new Set(answers.map(scopeOf))) {
      const good = answers.filter((one) => scopeOf(one) === scope);
      const bad = failures.filter(({ reading }) => scopeOf(reading) === scope);
      const items = [
        ...good.map((one) => ({ value: one.text as string | Uint8Array, reading: one as Reading })),
        ...bad.map(({ text, hex: binary, reading }) => ({ value: text ?? hex(binary!), reading })),
        ...good.map((one) => ({ value: hex(one.binary) as string | Uint8Array, reading: one as Reading })),
      ];
      const read = cipherFor(good[0]!).openBatch(items.map(({ value }) => value), items.map(({ reading }) => contextOf(reading)));
      const goodAnswers = [...read.slice(0, good.length), ...read.slice(good.length + bad.length)];
      for (const [i, one] of [...good, ...good].entries()) {
        const { value, created } = opened(goodAnswers[i]);
        expect(value, one.name).toEqual('text' in one.value ? Buffer.from(one.value.text) : hex(one.value.hex));
        expect(created, one.name).toBe(one.created ?? undefined);
      }
      for (const [i, { reason, code }] of bad.entries()) {
        const answer = read[good.length + i];
        // Bytes that are no text are for the caller, who alone knows what he stored.
        if (code === 'invalid-text') opened(answer);
        else expect(answer, reason).toMatchObject({ code });
      }
    }
  });
});

describe('openBatch', () => {
  const older = cipherOf(OLDER_KEYS, { clock: new SetClock(BORN) });
  const newer = cipherOf(undefined, { clock: new SetClock(BORN + 1) });

  test('[D1] [T7] keys, forms and writers mixed, in runs longer than one', LONG, () => {
    const item = fc.record({ value: fc.uint8Array({ maxLength: 40 }), old: fc.boolean(), binary: fc.boolean(), row: fc.nat(3), broken: fc.constantFrom('', '', '', 'moved', 'cut', 'plain') });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 200 }), (list) => {
        const contexts = list.map(({ row }) => ({ place: ['t.c', row] }));
        const values = list.map(({ value, old, binary, broken, row }) => {
          if (broken === 'plain') return Buffer.from(value);
          const by = old ? older : newer;
          const place = { place: ['t.c', broken === 'moved' ? row + 1 : row] };
          const whole = binary ? by.encryptBinary(value, place) : by.encrypt(value, place);
          return broken === 'cut' ? whole.slice(0, 60) : whole;
        });
        const answers = newer.openBatch(values, contexts);
        return list.every(({ value, old, broken }, i) => {
          const answer = answers[i]!;
          if (answer instanceof LockfastError) return answer.code === { moved: 'moved-or-altered', cut: 'malformed', plain: 'not-encrypted', '': '-' }[broken];
          return broken === '' && answer.value.equals(value) && answer.created === (old ? BORN : BORN + 1);
        });
      }),
      { numRuns: cases(100) },
    );
  });

  test('[D5] a refusal is the one that a single call gives', () => {
    const good = newer.encrypt('good', context);
    const values: (string | Uint8Array)[] = ['plain', good.slice(0, 50), good.replace('newer3', 'zzzzzz'), good.replace('newer3', 'older2'), good, Buffer.of(1), null as unknown as string];
    const answers = newer.openBatch(values, values.map(() => context));
    for (const [i, value] of values.entries()) {
      if (value === good) continue;
      if (value === null) expect(answers[i]).toMatchObject({ code: 'not-encrypted' });
      else expect(asRefusal(answers[i])).toEqual(refusalOf(() => newer.decryptBytes(value, context)));
    }
    expect(opened(answers[4]).value.toString()).toBe('good');
  });

  test('[B4] a context that is none is that value\'s own matter', () => {
    const [one, two] = newer.encryptBatch(['a', 'b'], [context, context]) as [string, string];
    const answers = newer.openBatch([one, two], [{ place: [] }, context]);
    expect(answers[0]).toMatchObject({ code: 'invalid-context' });
    expect(opened(answers[1]).value.toString()).toBe('b');
  });

  test('[D5] a key that was retired, one that is unknown, and one that is there', () => {
    const keys = new KnownKeys({ older2: '11'.repeat(32), newer3: '22'.repeat(32) }, { older2: 'retired', newer3: 'active' });
    const values = [older.encrypt('a', context), newer.encrypt('b', context), older.encrypt('c', context).replace('older2', 'zzzzzz')];
    const answers = cipherOf(keys).openBatch(values, values.map(() => context));
    expect(answers[0]).toMatchObject({ code: 'key-not-usable' });
    expect(opened(answers[1]).value.toString()).toBe('b');
    expect(answers[2]).toMatchObject({ code: 'missing-key' });
  });

  test('nothing, and another number of contexts', () => {
    expect(cipher.openBatch([], [])).toEqual([]);
    expect(refusalOf(() => cipher.openBatch(['x'], [])).code).toBe('invalid-context');
  });
});

describe('sealBatch', () => {
  const item = (value: string | Uint8Array, change: Partial<Sealable> = {}): Sealable => ({ value, created: BORN, context, ...change });

  test('[D1] [T7] any values with any times, in both forms, open one by one and together', LONG, () => {
    const any = fc.record({
      value: fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 100 })),
      created: fc.option(fc.integer({ min: 0, max: 2 ** 48 - 1 }), { nil: undefined }),
      context: fc.record({ place: fc.tuple(fc.constant('t.c'), fc.nat(5)) }),
    });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 150 }), (items) => {
        const contexts = items.map((one) => one.context);
        return [cipher.sealBatch(items, 'text'), cipher.sealBatch(items, 'binary')].every((sealed) => {
          const together = cipherOf().openBatch(sealed, contexts);
          return items.every(({ value, created }, i) => {
            const expected = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
            const one = opened(together[i]);
            return one.value.equals(expected) && one.created === created && cipher.decryptBytes(sealed[i]!, contexts[i]!).equals(expected) && keyIdOf(sealed[i]!) === 'newer3';
          });
        });
      }),
      { numRuns: cases(60) },
    );
  });

  test('[T7] a value keeps its time, or its lack of one, under a new key', () => {
    const old = cipherOf(OLDER_KEYS);
    const values = [BORN, undefined, 0].map((created) => item('x', { created }));
    const read = cipher.openBatch(old.sealBatch(values, 'text'), values.map(() => context));
    const again = cipher.sealBatch(read.map((one) => ({ ...opened(one), context })), 'binary');
    expect(again.map((one) => keyIdOf(one))).toEqual(['newer3', 'newer3', 'newer3']);
    expect(cipher.openBatch(again, values.map(() => context)).map((one) => opened(one).created)).toEqual([BORN, undefined, 0]);
  });

  test('the form that was asked for', () => {
    expect(cipher.sealBatch([item('x')], 'text')[0]).toMatch(/^lfv1\.newer3\./);
    expect(cipher.sealBatch([item('x')], 'binary')[0]!.toString('latin1', 0, 12)).toBe('lfv1.newer3.');
    expect(cipher.sealBatch([], 'text')).toEqual([]);
  });

  test('[D1] all or nothing: one that is encrypted already, or can not be encrypted', () => {
    const fine = Array.from({ length: 100 }, (_, i) => item(`value ${i}`));
    const refused: [Sealable, string][] = [
      [item(cipher.encrypt('x', context)), 'already-encrypted'],
      [item(cipher.encryptBinary('x', context)), 'already-encrypted'],
      [item('\ud800'), 'invalid-text'],
      [item(null as unknown as string), 'invalid-text'],
      [item('x', { context: { place: [] } }), 'invalid-context'],
      [item('x', { created: -1 }), 'parameters-out-of-range'],
      [item('x', { created: 2 ** 48 }), 'parameters-out-of-range'],
      [item('x', { created: Number.NaN }), 'parameters-out-of-range'],
      [item(Buffer.alloc(16 * 2 ** 20 + 1)), 'too-large'],
    ];
    for (const [one, code] of refused) {
      for (const at of [0, 50, 100]) expect(refusalOf(() => cipher.sealBatch(fine.toSpliced(at, 0, one), 'text')).code).toBe(code);
    }
    expect(cipher.sealBatch(fine, 'text').every((one) => isEncrypted(one))).toBe(true);
  });

  test('[D5] without an active key', () => {
    const keys = new KnownKeys({ older2: '11'.repeat(32) }, { older2: 'draining' });
    expect(refusalOf(() => cipherOf(keys).sealBatch([item('x')], 'text')).code).toBe('missing-key');
  });
});
