/** A root key as text: found out when it was copied wrong, found by a scanner when it lies where it must not. */
import { generateRootKey, holdsRootKey, parseRootKey } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { refusalOf } from '../files/refusal.ts';
import { known } from '../formats/vectors.ts';

const KEY = generateRootKey();

test('[D1] a generated key is 256 random bits with a beginning and a checksum', () => {
  const keys = Array.from({ length: 500 }, generateRootKey);
  for (const key of keys) expect(key).toMatch(/^lockfast-root-1\.[A-Za-z0-9_-]{48}$/);
  const secrets = keys.map((key) => parseRootKey(key).use((bytes) => bytes.toString('hex')));
  expect(new Set(secrets).size).toBe(500);
  expect(new Set(secrets.map(({ length }) => length))).toEqual(new Set([64]));
});

test('the known answer of a second implementation', () => {
  const { rootKey } = known<{ rootKey: string }>(import.meta.url, 'ring.json');
  expect(parseRootKey(rootKey).use((bytes) => bytes.length)).toBe(32);
  expect(holdsRootKey(rootKey)).toBe(true);
});

test('white space around it is nobody\'s', () => {
  for (const text of [`${KEY}\n`, ` ${KEY}\r\n`, `\t${KEY}`]) {
    expect(parseRootKey(text).use((bytes) => bytes.toString('hex'))).toBe(parseRootKey(KEY).use((bytes) => bytes.toString('hex')));
  }
});

describe('[D5] copied wrong', () => {
  test.for<[string, string | undefined, string]>([
    ['not set', undefined, 'is not set'],
    ['empty', '', 'is not set'],
    ['blank', ' \n', 'is not set'],
    ['without its beginning', KEY.slice(16), 'does not begin with lockfast-root-1.'],
    ['of a later version', KEY.replace('-1.', '-2.'), 'does not begin with lockfast-root-1.'],
    ['quoted', `"${KEY}"`, 'does not begin with lockfast-root-1.'],
    ['with its name', `ROOT_KEY=${KEY}`, 'does not begin with lockfast-root-1.'],
    ['a Fernet key', 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=', 'does not begin with lockfast-root-1.'],
    ['its beginning alone', 'lockfast-root-1.', 'is not 32 bytes and a checksum in base64url'],
    ['cut short', KEY.slice(0, -1), 'is not 32 bytes and a checksum in base64url'],
    ['a character more', `${KEY}A`, 'is not 32 bytes and a checksum in base64url'],
    ['twice', KEY + KEY, 'is not 32 bytes and a checksum in base64url'],
    ['with a space inside', `${KEY.slice(0, 30)} ${KEY.slice(30)}`, 'is not 32 bytes and a checksum in base64url'],
    ['padded', `${KEY}=`, 'is not 32 bytes and a checksum in base64url'],
    ['zeros', `lockfast-root-1.${'A'.repeat(48)}`, 'does not match its own checksum'],
  ])('%s', ([, text, message]) => {
    const refusal = refusalOf(() => parseRootKey(text));
    expect(refusal).toMatchObject({ code: 'invalid-key', message: `the root key ${message}` });
    expect(JSON.stringify(refusal)).not.toContain(KEY.slice(20, 40));
  });

  test('any one character', () => {
    for (let at = 0; at < KEY.length; at++) {
      for (const character of ['A', 'z', '0', '-', '_', '=', 'é', '\0']) {
        if (KEY[at] === character) continue;
        expect(refusalOf(() => parseRootKey(KEY.slice(0, at) + character + KEY.slice(at + 1))).code).toBe('invalid-key');
      }
    }
  });

  test('any two neighbours exchanged', () => {
    for (let at = 16; at < KEY.length - 1; at++) {
      const text = KEY.slice(0, at) + KEY[at + 1]! + KEY[at]! + KEY.slice(at + 2);
      if (text !== KEY) expect(refusalOf(() => parseRootKey(text)).code).toBe('invalid-key');
    }
  });
});

describe('[S2] a root key in a text, as in an env file', () => {
  test.for<[string, string]>([
    ['a variable', `LOCKFAST_ROOT_KEY=${KEY}\n`],
    ['a variable in quotes', `A=1\nexport K="${KEY}" # the key\n`],
    ['inside other characters', `xx${KEY}yy`],
    ['the second of two beginnings', `lockfast-root-1.${KEY}`],
    ['after one that is none', `lockfast-root-1.${'A'.repeat(48)} ${KEY}`],
    ['in JSON', JSON.stringify({ key: KEY })],
    ['in CRLF', `A=${KEY}\r\nB=2\r\n`],
  ])('is found: %s', ([, text]) => {
    expect(holdsRootKey(text)).toBe(true);
    // A second time: no state is kept.
    expect(holdsRootKey(text)).toBe(true);
  });

  test.for<[string, string]>([
    ['nothing', ''],
    ['its beginning', 'KEY_FORMAT=lockfast-root-1.'],
    ['one with a wrong checksum', `K=lockfast-root-1.${'A'.repeat(48)}`],
    ['one cut short', `K=${KEY.slice(0, -1)}`],
    ['a Fernet key', 'K=cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='],
  ])('is not found: %s', ([, text]) => {
    expect(holdsRootKey(text)).toBe(false);
  });

  test('a large text is searched in no time', () => {
    const start = performance.now();
    expect(holdsRootKey('lockfast-root-1.'.repeat(500_000))).toBe(false);
    expect(holdsRootKey(`${'A'.repeat(8_000_000)}${KEY}`)).toBe(true);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
