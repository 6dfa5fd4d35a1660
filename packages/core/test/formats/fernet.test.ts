/** Fernet as its specification has it: published vectors, keys and their three messages, times, several keys. */
import { Fernet, generateFernetKey, looksLikeFernet, parseFernetKey } from '@lockfast/core/formats';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { SetClock } from './keys.ts';
import { cases, LONG, withoutStacks } from './scale.ts';
import { missingVectors, published } from './vectors.ts';

interface Vector {
  readonly desc?: string;
  readonly token: string;
  readonly now: string;
  readonly ttl_sec: number;
  readonly src: string;
  readonly secret: string;
}

const KEY = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=';
/** The specification's own: `hello`, made 499162800 seconds after 1970. */
const TOKEN = 'gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==';
const MADE = 499_162_800;

function at(seconds: number, keys: string | readonly string[] = KEY): Fernet {
  return new Fernet(keys, new SetClock(seconds * 1000));
}

describe.skipIf(missingVectors)("the specification's vectors", () => {
  test('[W1] verify', () => {
    for (const { token, now, ttl_sec: maxAge, src, secret } of published<Vector[]>('fernet-verify.json') ?? []) {
      expect(new Fernet(secret, new SetClock(Date.parse(now))).decrypt(token, { maxAge }).toString()).toBe(src);
    }
  });

  test('[W1] generate: read back, and everything but the IV made alike', () => {
    for (const { token, now, src, secret } of published<Vector[]>('fernet-generate.json') ?? []) {
      const fernet = new Fernet(secret, new SetClock(Date.parse(now)));
      expect(fernet.decrypt(token).toString()).toBe(src);
      const ours = Buffer.from(fernet.encrypt(src), 'base64url');
      const theirs = Buffer.from(token, 'base64url');
      expect(ours.length).toBe(theirs.length);
      expect(ours.subarray(0, 9)).toEqual(theirs.subarray(0, 9));
    }
  });

  test.for(published<Vector[]>('fernet-invalid.json') ?? [])('[W1] invalid: $desc', ({ token, now, ttl_sec: maxAge, secret }) => {
    expect(refusalOf(() => new Fernet(secret, new SetClock(Date.parse(now))).decrypt(token, { maxAge })).code).toBe('invalid-token');
  });
});

describe('[W2] a key that is none, and what its message says', () => {
  test.for<[string | undefined, string]>([
    [undefined, 'the Fernet key is not set'],
    ['', 'the Fernet key is not set'],
    [' \n\t', 'the Fernet key is not set'],
    ['!!!', 'the Fernet key is not base64'],
    [`"${KEY}"`, 'the Fernet key is not base64'],
    [`'${KEY}'`, 'the Fernet key is not base64'],
    [`FERNET_KEY=${KEY}`, 'the Fernet key is not base64'],
    [`${KEY.slice(0, 20)} ${KEY.slice(20)}`, 'the Fernet key is not base64'],
    [`${KEY}\n${KEY}`, 'the Fernet key is not base64'],
    ['A', 'the Fernet key is not base64'],
    [`${KEY.slice(0, 42)}===`, 'the Fernet key is not base64'],
    [KEY.slice(0, -2), 'the Fernet key has 31 bytes, not 32'],
    ['AAAA', 'the Fernet key has 3 bytes, not 32'],
    ['A'.repeat(22), 'the Fernet key has 16 bytes, not 32'],
    ['A'.repeat(44), 'the Fernet key has 33 bytes, not 32'],
    ['A'.repeat(86), 'the Fernet key has 64 bytes, not 32'],
    ['00'.repeat(32), 'the Fernet key has 48 bytes, not 32'],
  ])('%j: %s', ([key, message]) => {
    const refusal = refusalOf(() => parseFernetKey(key));
    expect(refusal).toMatchObject({ code: 'invalid-key', message });
    if (key === undefined) return;
    expect(refusalOf(() => new Fernet(key))).toEqual(refusal);
    expect(refusalOf(() => new Fernet([KEY, key]))).toEqual(refusal);
    if (key.trim().length > 3) expect(refusal.message + refusal.hint).not.toContain(key.trim().slice(0, 12));
  });

  test('no keys at all', () => {
    expect(refusalOf(() => new Fernet([]))).toMatchObject({ code: 'invalid-key', message: 'the Fernet key is not set' });
  });

  test.for([KEY, `${KEY}\n`, ` ${KEY} `, KEY.slice(0, -1), KEY.replaceAll('-', '+').replaceAll('_', '/')])('%j is one', (key) => {
    expect(new Fernet(key).decrypt(TOKEN).toString()).toBe('hello');
  });
});

test('[D1] [W1] a generated key is 44 characters of url-safe base64, new each time', () => {
  const keys = Array.from({ length: 1000 }, generateFernetKey);
  for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_-]{43}=$/);
  expect(new Set(keys).size).toBe(1000);
  expect(parseFernetKey(keys[0])).toEqual(Buffer.from(keys[0]!, 'base64url'));
});

test('[D1] [W1] any text and any bytes round-trip', LONG, () => {
  const fernet = new Fernet(KEY);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), fc.uint8Array({ maxLength: 200 }), (text, bytes) => {
      const token = fernet.encrypt(bytes);
      return (
        fernet.decrypt(fernet.encrypt(text)).toString('utf8') === text &&
        fernet.decrypt(token).equals(bytes) &&
        fernet.decrypt(Buffer.from(token)).equals(bytes) &&
        looksLikeFernet(token) &&
        /^gAAAAA[A-Za-z0-9_-]+={0,2}$/.test(token)
      );
    }),
    { numRuns: cases(1_000) },
  );
});

test('[D5] null stays null, the empty text is one', () => {
  const fernet = new Fernet(KEY);
  expect(fernet.encrypt(null)).toBeNull();
  expect(fernet.decrypt(null)).toBeNull();
  expect(fernet.decrypt(fernet.encrypt(''))).toEqual(Buffer.alloc(0));
  expect(fernet.decrypt(fernet.encrypt('0')).toString()).toBe('0');
});

test('[D5] what is neither well-formed text nor bytes is refused, as Python does', () => {
  const fernet = new Fernet(KEY);
  for (const value of ['\ud800', 'a\udc00b', undefined, 7, {}, ['a']]) expect(refusalOf(() => fernet.encrypt(value as string)).code).toBe('invalid-text');
  for (const token of [undefined, 7, {}, ['a']]) expect(refusalOf(() => fernet.decrypt(token as unknown as string)).code).toBe('invalid-token');
});

describe('[W1] a token that is none: one code, whatever the reason', () => {
  const bytes = Buffer.from(TOKEN, 'base64url');
  const encode = (body: Buffer): string => body.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

  test('every change of one byte', () => {
    withoutStacks(() => {
      const fernet = at(MADE);
      for (let i = 0; i < bytes.length; i++) {
        for (let by = 1; by < 256; by++) {
          const altered = Buffer.from(bytes);
          altered[i]! ^= by;
          const { code } = refusalOf(() => fernet.decrypt(encode(altered)));
          if (code !== 'invalid-token') throw new Error(`byte ${i} by ${by}: ${code}`);
        }
      }
    });
  });

  test('every change of one character, and every truncation', () => {
    withoutStacks(() => {
      const fernet = at(MADE);
      const refused = (token: string): void => {
        if (refusalOf(() => fernet.decrypt(token)).code !== 'invalid-token') throw new Error(token);
      };
      for (let i = 0; i < TOKEN.length; i++) {
        for (let code = 0; code < 128; code++) if (TOKEN.charCodeAt(i) !== code) refused(TOKEN.slice(0, i) + String.fromCharCode(code) + TOKEN.slice(i + 1));
        refused(TOKEN.slice(0, i));
        refused(TOKEN.slice(i + 1));
        refused(TOKEN.slice(0, i) + TOKEN.slice(i + 1));
      }
    });
  });

  test.for<[string, string]>([
    ['empty', ''],
    ['without padding', TOKEN.replaceAll('=', '')],
    ['with half of its padding', TOKEN.slice(0, -1)],
    ['with more padding', `${TOKEN}=`],
    ['a newline after it', `${TOKEN}\n`],
    ['a space before it', ` ${TOKEN}`],
    ['the other alphabet', TOKEN.replaceAll('-', '+').replaceAll('_', '/')],
    ['surplus bits in its last character', `${TOKEN.slice(0, -3)}B==`],
    ['two in one', TOKEN + TOKEN],
    ['an lfv1 value', `lfv1.kq2d5x.${'A'.repeat(100)}`],
  ])('%s', ([, token]) => {
    expect(refusalOf(() => at(MADE).decrypt(token)).code).toBe('invalid-token');
    expect(refusalOf(() => at(MADE).ageOf(token)).code).toBe('invalid-token');
    expect(refusalOf(() => at(MADE).rotate(token)).code).toBe('invalid-token');
    expect(looksLikeFernet(token)).toBe(false);
  });

  test('the message is the same for all of them, and quotes nothing', () => {
    const messages = [
      () => at(MADE).decrypt('x'),
      () => at(MADE).decrypt(TOKEN.slice(0, -8)),
      () => at(MADE, generateFernetKey()).decrypt(TOKEN),
      () => at(MADE + 100).decrypt(TOKEN, { maxAge: 1 }),
    ].map((action) => refusalOf(action));
    expect(new Set(messages.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
    expect(JSON.stringify(messages)).not.toContain(TOKEN.slice(6, 20));
  });
});

describe('[W1] several keys', () => {
  const [first, second, third] = Array.from({ length: 3 }, generateFernetKey) as [string, string, string];

  test('the first one encrypts, each one decrypts', () => {
    const ring = new Fernet([first, second, third]);
    for (const key of [first, second, third]) expect(ring.decrypt(new Fernet(key).encrypt('x')).toString()).toBe('x');
    const token = ring.encrypt('x');
    expect(new Fernet(first).decrypt(token).toString()).toBe('x');
    expect(refusalOf(() => new Fernet([second, third]).decrypt(token)).code).toBe('invalid-token');
  });

  test('a key of which one half is right is another key', () => {
    const half = Buffer.from(first, 'base64url');
    half[31]! ^= 1;
    const token = new Fernet(first).encrypt('a text of more than one block');
    // The signing half fits, so the token verifies, and then its padding or its text is wrong: never the text.
    let read: string | undefined;
    try {
      read = new Fernet(half.toString('base64url')).decrypt(token).toString();
    } catch {}
    expect(read).not.toBe('a text of more than one block');
  });

  test('[T7] rotating puts a token under the first and keeps its time, whatever its time', () => {
    const ring = at(MADE + 500, [first, second]);
    const old = at(MADE, second).encrypt('x');
    const rotated = ring.rotate(old);
    expect(at(MADE + 500, first).decrypt(rotated).toString()).toBe('x');
    expect(at(MADE + 500, first).ageOf(rotated)).toBe(500_000);
    expect(rotated.slice(0, 12)).toBe(old.slice(0, 12));
    expect(rotated).not.toBe(ring.rotate(old));
    expect(refusalOf(() => at(MADE + 500, first).decrypt(rotated, { maxAge: 499 })).code).toBe('invalid-token');
    expect(refusalOf(() => at(MADE, [first]).rotate(old)).code).toBe('invalid-token');
  });
});

describe('[T7] age and a maximum age', () => {
  test('the age, to the second of the token and the millisecond of the clock', () => {
    expect(at(MADE).ageOf(TOKEN)).toBe(0);
    expect(at(MADE + 61.5).ageOf(TOKEN)).toBe(61_500);
    expect(at(MADE - 3).ageOf(TOKEN)).toBe(-3000);
    expect(refusalOf(() => at(MADE, generateFernetKey()).ageOf(TOKEN)).code).toBe('invalid-token');
  });

  const opens = (now: number, maxAge: number, clockSkew?: number): boolean => {
    try {
      return at(now).decrypt(TOKEN, clockSkew === undefined ? { maxAge } : { maxAge, clockSkew }).toString() === 'hello';
    } catch {
      return false;
    }
  };

  test.for([0, 1, 59, 60, 3600, 86_400])('of %i s: to the second', (maxAge) => {
    expect(opens(MADE + maxAge - 1, maxAge)).toBe(true);
    expect(opens(MADE + maxAge, maxAge)).toBe(true);
    expect(opens(MADE + maxAge + 0.999, maxAge)).toBe(true);
    expect(opens(MADE + maxAge + 1, maxAge)).toBe(false);
  });

  test.for([[undefined, 60], [0, 0], [1, 1], [300, 300]] as const)('a clock skew of %o: %i s', ([skew, seconds]) => {
    expect(opens(MADE - seconds, 100, skew)).toBe(true);
    expect(opens(MADE - seconds - 1, 100, skew)).toBe(false);
    // However long it may live: one second off must not be for ever (CVE-2021-32923).
    expect(opens(MADE - seconds - 1, Number.MAX_SAFE_INTEGER, skew)).toBe(false);
    expect(opens(MADE - seconds - 1, Number.POSITIVE_INFINITY, skew)).toBe(false);
  });

  test('limits that are no numbers refuse; a text of digits is its number', () => {
    expect(opens(MADE, Number.NaN)).toBe(false);
    expect(opens(MADE, 60, Number.NaN)).toBe(false);
    expect(opens(MADE, -1)).toBe(false);
    // As it comes out of a configuration that nobody parsed.
    expect(opens(MADE + 61, '60' as unknown as number)).toBe(false);
    expect(opens(MADE + 60, '60' as unknown as number)).toBe(true);
    expect(opens(MADE, 'one hour' as unknown as number)).toBe(false);
  });

  test('neither is looked at unless a maximum age is asked for, as in Python', () => {
    expect(at(0).decrypt(TOKEN).toString()).toBe('hello');
    expect(at(MADE + 1e9).decrypt(TOKEN, {}).toString()).toBe('hello');
    expect(at(0).decrypt(TOKEN, { clockSkew: 0 }).toString()).toBe('hello');
  });
});
