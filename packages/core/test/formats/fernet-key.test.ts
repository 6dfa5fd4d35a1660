/** The Fernet key that belongs to a data key, against a second implementation; Fernet under secrets, with times of one's own. */
import { Fernet, fernetFingerprint, fernetKeyOf, fernetKeyText, generateFernetKey, parseFernetKey } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { SetClock } from './keys.ts';
import { hex, known } from './vectors.ts';

interface Answer {
  readonly key: string;
  readonly environment: string;
  readonly fernet: string;
  readonly fingerprint: string;
  readonly seconds: number;
  readonly value: string;
  readonly token: string;
}

const { keys, answers } = known<{ keys: Record<string, string>; answers: Answer[] }>(import.meta.url, 'fernet-keys.json');

function secretOf(text: string): Secret {
  return new Secret(parseFernetKey(text));
}

describe('known answers', () => {
  test.each(answers)('[W1] [E3] the key of $key in $environment', ({ key, environment, fernet, fingerprint, seconds, value, token }) => {
    const derived = fernetKeyOf({ id: key, secret: new Secret(hex(keys[key]!)) }, environment);
    expect(fernetKeyText(derived)).toBe(fernet);
    expect(fernetFingerprint(derived)).toBe(fingerprint);
    expect(new Fernet(derived).open(token)).toEqual({ value: Buffer.from(value), seconds: BigInt(seconds), key: 0 });
  });

  test('[B4] one for each data key and environment', () => {
    expect(new Set(answers.map(({ fernet }) => fernet)).size).toBe(answers.length);
  });
});

test('[S2] the data key is still there afterwards', () => {
  const secret = Secret.random();
  expect(fernetKeyText(fernetKeyOf({ id: 'kq2d5x', secret }, 'p'))).toBe(fernetKeyText(fernetKeyOf({ id: 'kq2d5x', secret }, 'p')));
});

describe('keys as secrets', () => {
  const [first, second, third] = Array.from({ length: 3 }, generateFernetKey) as [string, string, string];

  test('[W1] stand for their text, alone, in a list, and beside texts', () => {
    const token = new Fernet(first).encrypt('x');
    for (const one of [secretOf(first), [secretOf(first)], [second, secretOf(first)], [secretOf(second), first]]) expect(new Fernet(one).decrypt(token).toString()).toBe('x');
    expect(new Fernet(first).decrypt(new Fernet(secretOf(first)).encrypt('y')).toString()).toBe('y');
  });

  test('[W1] which of them opened', () => {
    const ring = new Fernet([secretOf(first), second, secretOf(third)]);
    expect([first, second, third].map((key) => ring.open(new Fernet(key).encrypt('x')).key)).toEqual([0, 1, 2]);
    // The same key twice: the earlier one.
    expect(new Fernet([first, second, first]).open(new Fernet(first).encrypt('x')).key).toBe(0);
  });

  test.for([0, 16, 31, 33, 44])('[W2] %i bytes are no key', (size) => {
    expect(refusalOf(() => new Fernet([first, new Secret(Buffer.alloc(size, 7))]))).toMatchObject({ code: 'invalid-key', message: `the Fernet key has ${size} bytes, not 32` });
  });

  test('none at all', () => {
    expect(refusalOf(() => new Fernet([] as Secret[])).code).toBe('invalid-key');
  });
});

describe('a time of its own', () => {
  const fernet = new Fernet(generateFernetKey(), new SetClock(1_767_225_600_999));

  test('[T7] is kept, all 64 bits of it', () => {
    for (const seconds of [0n, 1n, 499_162_800n, 2n ** 53n + 1n, 2n ** 64n - 1n]) expect(fernet.open(fernet.seal('x', seconds)).seconds).toBe(seconds);
    expect(fernet.open(fernet.seal('x')).seconds).toBe(1_767_225_600n);
  });

  test('[D5] one that no token can hold', () => {
    for (const seconds of [-1n, 2n ** 64n]) expect(refusalOf(() => fernet.seal('x', seconds)).code).toBe('parameters-out-of-range');
  });

  test('[D5] what is no value, and what is no token', () => {
    for (const value of ['\ud800', null, undefined, 7]) expect(refusalOf(() => fernet.seal(value as string)).code).toBe('invalid-text');
    for (const token of [null, 'x', '']) expect(refusalOf(() => fernet.open(token as string)).code).toBe('invalid-token');
  });

  test('[T7] open looks at the age where one is asked for', () => {
    const token = fernet.seal('x', 1_767_225_540n);
    expect(fernet.open(token, { maxAge: 60 }).value.toString()).toBe('x');
    expect(refusalOf(() => fernet.open(token, { maxAge: 59 })).code).toBe('invalid-token');
  });
});
