/** `lfv1` against the known answers of a second implementation, and every way to be wrong that has a reason of its own. */
import { type Context, type ContextValue, type Derivation, HKDF, isEncrypted, keyIdOf, ValueCipher } from '@lockfast/core/formats';
import type { KeyState } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { AdditionalData } from '../../src/formats/context.ts';
import { expand, extract, NO_SALT } from '../../src/formats/derivation.ts';
import { lengthPrefixed } from '../../src/formats/length-prefix.ts';
import { refusalOf } from '../files/refusal.ts';
import { KnownKeys, SetClock } from './keys.ts';
import { hex, known } from './vectors.ts';

interface Scope {
  readonly key: string;
  readonly environment: string;
  readonly purpose: string;
  readonly salt: string | null;
  readonly iterations: number | null;
  readonly tenant: ContextValue | null;
  readonly place: readonly (string | number | { readonly bigint: string })[];
}

interface Answer extends Scope {
  readonly name: string;
  readonly created: number | null;
  readonly value: { readonly text: string } | { readonly hex: string };
  readonly k: string;
  readonly aad: string;
  readonly text: string;
  readonly binary: string;
}

interface Failure {
  readonly reason: string;
  readonly code: string;
  readonly text?: string;
  readonly hex?: string;
  readonly reading: Scope;
}

const { keys, states, answers, failures } = known<{
  keys: Record<string, string>;
  states: Record<string, KeyState>;
  answers: Answer[];
  failures: Failure[];
}>(import.meta.url, 'lfv1.json');

const NOW = 1_800_000_000_000;

function derivationOf({ iterations }: Scope): Derivation {
  return iterations === null ? HKDF : { name: 'pbkdf2-sha256', iterations };
}

function cipherOf(scope: Scope): ValueCipher {
  return new ValueCipher(new KnownKeys(keys, states, scope.environment), {
    purpose: scope.purpose,
    ...(scope.salt === null ? {} : { salt: hex(scope.salt) }),
    derivation: derivationOf(scope),
    clock: new SetClock(NOW),
  });
}

function contextOf({ tenant, place }: Scope): Context {
  const parts = place.map((part) => (typeof part === 'object' ? BigInt(part.bigint) : part));
  return tenant === null ? { place: parts } : { tenant, place: parts };
}

function bytesOf({ value }: Answer): Buffer {
  return 'text' in value ? Buffer.from(value.text, 'utf8') : hex(value.hex);
}

describe('known answers', () => {
  test.each(answers)('[D1] $name', (answer) => {
    const cipher = cipherOf(answer);
    const context = contextOf(answer);
    expect(cipher.decryptBytes(answer.text, context)).toEqual(bytesOf(answer));
    expect(cipher.decryptBytes(hex(answer.binary), context)).toEqual(bytesOf(answer));
    if ('text' in answer.value) {
      expect(cipher.decrypt(answer.text, context)).toBe(answer.value.text);
      expect(cipher.decryptBatch([answer.text, hex(answer.binary), null], [context, context, context])).toEqual([answer.value.text, answer.value.text, null]);
    }
    expect(isEncrypted(answer.text) && isEncrypted(hex(answer.binary))).toBe(true);
    expect(keyIdOf(answer.text)).toBe(answer.key);
    expect(keyIdOf(hex(answer.binary))).toBe(answer.key);
    expect(answer.text.slice(0, 12)).toBe(`lfv1.${answer.key}.`);
  });

  test.each(answers)('[T7] the time inside: $name', (answer) => {
    expect(cipherOf(answer).ageOf(answer.text, contextOf(answer))).toBe(answer.created === null ? undefined : NOW - answer.created);
  });

  test.each(answers.filter(({ iterations }) => iterations === null))('[T7] rewrapped: $name', (answer) => {
    const keyRing = new KnownKeys({ ...keys, newest: 'ab'.repeat(32) }, { newest: 'active' }, answer.environment);
    const cipher = new ValueCipher(keyRing, { purpose: answer.purpose, ...(answer.salt === null ? {} : { salt: hex(answer.salt) }), clock: new SetClock(NOW) });
    for (const again of [cipher.rewrap(answer.text, contextOf(answer)), cipher.rewrap(hex(answer.binary), contextOf(answer))]) {
      expect(keyIdOf(again)).toBe('newest');
      expect(cipher.decryptBytes(again, contextOf(answer))).toEqual(bytesOf(answer));
      // Flags and time are kept: a value that had no time gets none.
      expect(cipher.ageOf(again, contextOf(answer))).toBe(answer.created === null ? undefined : NOW - answer.created);
    }
  });

  test('[T7] a value without a time is too old for any maximum age', () => {
    for (const answer of answers.filter(({ created }) => created === null)) {
      for (const maxAge of [0, 1e15, Number.POSITIVE_INFINITY]) {
        expect(refusalOf(() => cipherOf(answer).decrypt(answer.text, contextOf(answer), { maxAge }))).toMatchObject({
          code: 'too-old',
          message: 'the value carries no time, and a maximum age was asked for',
        });
      }
    }
  });

  test.each(answers)('[E3] [B4] key and additional data: $name', (answer) => {
    const keyRing = new KnownKeys({ [answer.key]: keys[answer.key]! }, { [answer.key]: 'active' });
    const prk = extract(keyRing.active().secret, answer.salt === null ? NO_SALT : hex(answer.salt), derivationOf(answer));
    expect(expand(prk, lengthPrefixed(['lockfast/lfv1', answer.purpose, answer.environment])).toString('hex')).toBe(answer.k);
    const aad = new AdditionalData(`lfv1.${answer.key}.`, answer.purpose, answer.environment).of(contextOf(answer));
    expect(aad.toString('hex')).toBe(answer.aad);
  });
});

describe('refused, each with its reason', () => {
  test.each(failures)('[D5] $reason: $code', ({ code, text, hex: binary, reading }) => {
    const refusal = refusalOf(() => cipherOf(reading).decrypt(text ?? hex(binary!), contextOf(reading)));
    expect(refusal.code).toBe(code);
    // What happened and what to do; never the input, a key or what came out.
    expect(refusal.message).not.toBe('');
    expect(refusal.hint).not.toBe('');
    const said = `${refusal.message} ${refusal.hint}`;
    for (const secret of ['AIza', 'not-a-real-key', 'acme', 'api_key', ...Object.values(keys)]) expect(said).not.toContain(secret);
    if (text !== undefined && text.length > 12) expect(said).not.toContain(text.slice(12));
  });

  test('[D5] wrong key, corrupt value and missing key are told apart', () => {
    const codes = new Set(failures.map(({ code }) => code));
    for (const code of ['missing-key', 'malformed', 'not-encrypted', 'wrong-key', 'moved-or-altered']) expect(codes).toContain(code);
  });

  test('[W7] [D5] a value of another environment says so in one of two codes, whatever its key id', () => {
    const answer = answers[0]!;
    const staging = new KnownKeys({ other4: '33'.repeat(32) }, { other4: 'active' }, 'staging');
    const read = (ring: KnownKeys): string => refusalOf(() => new ValueCipher(ring, { purpose: 'column' }).decrypt(answer.text, contextOf(answer))).code;
    expect(read(staging)).toBe('missing-key');
    // The same key id, and even the same key, in a ring of another environment.
    expect(read(new KnownKeys(keys, states, 'staging'))).toBe('wrong-key');
  });

  test.for([undefined, 42, true, {}, [], Symbol('x'), new ArrayBuffer(200), ['lfv1.kq2d5x.']])('[D1] what is neither text nor bytes is not encrypted: %o', (value) => {
    expect(isEncrypted(value)).toBe(false);
    expect(refusalOf(() => cipherOf(answers[0]!).decrypt(value as unknown as string, { place: ['x'] })).code).toBe('not-encrypted');
  });
});
