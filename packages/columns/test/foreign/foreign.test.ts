/** What other libraries wrote is read as they wrote it: by their own code where it is an npm package, else by their documented formats. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createCipheriv, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';

import { encryptStringSync, generateKey } from '@47ng/cloak';
import { Secret } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { Cloak, type ForeignFormat, type ForeignKey, Lockbox, looksLikeCloak, looksLikeRails, Rails, TypeormEncrypted } from '@lockfast/columns/foreign';
import { refusalOf } from '../refusal.ts';
import { ANSWERS, KEY, TEXTS } from './typeorm-encrypted-answers.ts';

const PYTHON = '/usr/bin/python3';
const missingPython = spawnSync(PYTHON, ['-c', 'import cryptography'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs /usr/bin/python3 with cryptography';
const CANARY = 'Kanarienvogel';
const MASTER = '9b'.repeat(32);
const SALT = 'a salt of the application';
const ALL_TEXTS = ['', 'x', `${CANARY} 🔑`, 'y'.repeat(140), 'long '.repeat(2000)];

function keyOf(text: string, name = 'env:THEIRS'): ForeignKey {
  return { name, key: new Secret(Buffer.from(text)) };
}

function salt(): Secret {
  return new Secret(Buffer.from(SALT));
}

function made(...what: readonly Readonly<Record<string, unknown>>[]): string[] {
  const script = fileURLToPath(new URL('ruby-formats.py', import.meta.url));
  return execFileSync(PYTHON, [script], { input: what.map((one) => JSON.stringify(one)).join('\n'), encoding: 'utf8' }).trim().split('\n');
}

/** Opens each as the text that it was, from a text column and from the same bytes in a binary one. */
function expectTexts(format: ForeignFormat, stored: readonly string[], texts: readonly string[]): void {
  expect(stored).toHaveLength(texts.length);
  for (const [index, one] of stored.entries()) {
    expect(format.looksLike(one)).toBe(true);
    expect(format.open(one).value.toString('utf8')).toBe(texts[index]);
  }
}

/** Each altered bit of it is found: never is another value handed out. */
function expectNoAlteration(format: ForeignFormat, stored: string, value: string): void {
  for (let at = 0; at < stored.length; at++) {
    const altered = `${stored.slice(0, at)}${stored[at] === 'A' ? 'B' : 'A'}${stored.slice(at + 1)}`;
    if (!format.looksLike(altered)) continue;
    try {
      // Two spellings of the last base64 digit may stand for the same bytes.
      expect(format.open(altered).value.toString('utf8')).toBe(value);
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^(wrong-key|malformed|unsupported-format)$/) });
      expect(String(error)).not.toContain(CANARY);
    }
  }
}

describe('cloak, by the npm package', () => {
  const [key, older] = [generateKey(), generateKey()];
  const cloak = new Cloak([keyOf(key, 'env:NEW'), keyOf(`${older}\n`, 'file:old')]);

  test('[D3] what it encrypted opens, under the newer key and an older one, and says under which', () => {
    expectTexts(cloak, ALL_TEXTS.map((text) => encryptStringSync(text, key)), ALL_TEXTS);
    expect(cloak.open(encryptStringSync('a', key)).key).toBe('env:NEW');
    expect(cloak.open(encryptStringSync('a', older)).key).toBe('file:old');
  });

  test('another key, and any altered character, are refused', () => {
    const stored = encryptStringSync(CANARY, key);
    expectNoAlteration(cloak, stored, CANARY);
    const refusal = refusalOf(() => cloak.open(encryptStringSync(CANARY, generateKey())));
    expect(refusal).toMatchObject({ code: 'wrong-key' });
  });

  test.each(['', 'k1.aesgcm256.short', 'ab'.repeat(32), `k2.aesgcm256.${'a'.repeat(43)}`])('what is no key of it is refused, and not quoted: %j', (text) => {
    const refusal = refusalOf(() => new Cloak([keyOf(`${text}${text === '' ? '' : CANARY}`)]));
    expect(refusal).toMatchObject({ code: 'invalid-key' });
    expect(refusal.message).toContain('env:THEIRS');
    expect(refusal.message).not.toContain(CANARY);
  });

  test.each(['', 'v1.aesgcm256', 'v1.aesgcm256.deadbeef.AAAA.BBBB', 'v1.aesgcm128.deadbeef.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA', 'lfv1.kq2d5x.AAAA', 'text'])('%j is none of its values', (text) => {
    expect(looksLikeCloak(text)).toBe(false);
    expect(looksLikeCloak(Buffer.from(text))).toBe(false);
  });
});

describe('typeorm-encrypted, by answers of the npm package', () => {
  test.each(ANSWERS)('[D3] %s with a key of %i digits and an IV of %i bytes', (algorithm, digits, ivBytes, stored) => {
    expectTexts(new TypeormEncrypted([keyOf(KEY.slice(0, digits))], algorithm, ivBytes), stored, TEXTS);
  });

  test('[B4] with GCM every alteration is found, also a tag that was cut', () => {
    const [, , , stored] = ANSWERS.find(([algorithm]) => algorithm === 'aes-256-gcm')!;
    const format = new TypeormEncrypted([keyOf(KEY)], 'aes-256-gcm', 16);
    expect(format.authenticated).toBe(true);
    expectNoAlteration(format, stored[1]!, TEXTS[1]!);
    const bytes = Buffer.from(stored[1]!, 'base64');
    // Node accepts a tag of 4 bytes where nobody says how long it has to be: the library's own reader does.
    expect(refusalOf(() => format.open(Buffer.concat([bytes.subarray(0, 20), bytes.subarray(32)]).toString('base64')))).toMatchObject({ code: 'wrong-key' });
  });

  test('[D3] with CBC and several keys, a wrong one whose padding seems right does not stand before the right one', () => {
    const [right, wrong] = [Buffer.from(KEY, 'hex'), 'ab'.repeat(32)];
    const other = new TypeormEncrypted([keyOf(wrong)], 'aes-256-cbc', 16);
    const passes = (stored: string): boolean => {
      try {
        return other.open(stored).value.length > 0;
      } catch {
        return false;
      }
    };
    let stored: string;
    do {
      const iv = randomBytes(16);
      const cipher = createCipheriv('aes-256-cbc', right, iv);
      stored = Buffer.concat([iv, cipher.update(TEXTS[1]!), cipher.final()]).toString('base64');
    } while (!passes(stored));
    const opened = new TypeormEncrypted([keyOf(wrong, 'env:NEW'), keyOf(KEY, 'env:OLD')], 'aes-256-cbc', 16).open(stored);
    expect([opened.value.toString(), opened.key]).toEqual([TEXTS[1]!, 'env:OLD']);
  });

  test('with CBC nothing proves the key, and it says so', () => {
    const format = new TypeormEncrypted([keyOf(KEY)], 'aes-256-cbc', 16);
    expect(format.authenticated).toBe(false);
    expect(format.looksLike(randomBytes(47).toString('base64'))).toBe(false);
    expect(format.looksLike(randomBytes(16).toString('base64'))).toBe(false);
  });

  test.each([
    ['aes-256-ctr', 16, KEY, 'unsupported-format'],
    ['AES-256-CBC', 16, KEY, 'unsupported-format'],
    ['aes-256-cbc', 12, KEY, 'parameters-out-of-range'],
    ['aes-128-cbc', 16, KEY, 'invalid-key'],
    ['aes-256-gcm', 16, 'z'.repeat(64), 'invalid-key'],
  ])('%s with an IV of %i bytes and a key that does not fit', (algorithm, ivBytes, key, code) => {
    expect(refusalOf(() => new TypeormEncrypted([keyOf(key)], algorithm, ivBytes))).toMatchObject({ code });
  });
});

describe.skipIf(missingPython !== undefined)(`Ruby's formats, made by Python${missingPython === undefined ? '' : ` (${missingPython})`}`, () => {
  test('[D3] Lockbox: text and bytes, an older master key, the empty text', () => {
    const older = '7c'.repeat(32);
    const stored = made(...ALL_TEXTS.map((text, i) => ({ format: 'lockbox', text, master: i === 1 ? older : MASTER, table: 'users', attribute: 'email_ciphertext' })));
    const lockbox = new Lockbox([keyOf(MASTER, 'env:NEW'), keyOf(older, 'env:OLD')], 'users', 'email_ciphertext');
    expectTexts(lockbox, stored, ALL_TEXTS);
    expect(lockbox.open(stored[1]!).key).toBe('env:OLD');
    expect(lockbox.open(Buffer.from(stored[2]!, 'base64')).value.toString()).toBe(ALL_TEXTS[2]);
    expectNoAlteration(lockbox, stored[2]!, ALL_TEXTS[2]!);
  });

  test('[B4] Lockbox: the key of another table or column opens nothing', () => {
    const [stored] = made({ format: 'lockbox', text: CANARY, master: MASTER, table: 'users', attribute: 'email_ciphertext' }) as [string];
    for (const [table, attribute] of [['user', 'email_ciphertext'], ['users', 'phone_ciphertext']] as const) {
      expect(refusalOf(() => new Lockbox([keyOf(MASTER)], table, attribute).open(stored))).toMatchObject({ code: 'wrong-key' });
    }
    expect(refusalOf(() => new Lockbox([keyOf(`${MASTER}00`)], 'users', 'email'))).toMatchObject({ code: 'invalid-key' });
  });

  test('[D3] Rails: SHA-1 and SHA-256, deflated or not, with an envelope, an older key', () => {
    const what = ALL_TEXTS.flatMap((text) => [{}, { digest: 'sha1' }, { envelope: true }, { password: 'older' }].map((more) => ({ format: 'rails', text, password: 'primary', salt: SALT, ...more })));
    const stored = made(...what);
    const rails = new Rails([keyOf('primary', 'env:NEW'), keyOf('older\n', 'file:old')], salt());
    expectTexts(rails, stored, what.map(({ text }) => text));
    expect(rails.open(stored[3]!).key).toBe('file:old');
    expect(looksLikeRails(stored[0]!)).toBe(true);
    expect(looksLikeRails(Buffer.from(stored[0]!))).toBe(true);
  });

  test('Rails: another salt, an altered character, another encoding, what is no message', () => {
    const [stored, latin, binary] = made(
      { format: 'rails', text: CANARY, password: 'primary', salt: SALT },
      { format: 'rails', text: CANARY, password: 'primary', salt: SALT, encoding: 'ISO-8859-1' },
      { format: 'rails', text: CANARY, password: 'primary', salt: SALT, encoding: 'ASCII-8BIT' },
    ) as [string, string, string];
    const rails = new Rails([keyOf('primary')], salt());
    expectNoAlteration(rails, stored, CANARY);
    expect(refusalOf(() => new Rails([keyOf('primary')], new Secret(Buffer.from('other'))).open(stored))).toMatchObject({ code: 'wrong-key' });
    expect(refusalOf(() => rails.open(latin))).toMatchObject({ code: 'unsupported-format' });
    expect(rails.open(binary).value.toString()).toBe(CANARY);
    const message = JSON.parse(stored) as { p: string; h: Record<string, unknown> };
    for (const text of ['{}', '{"p":"AAAA"}', '{"p":1,"h":{"iv":"AAAA","at":"AAAA"}}', '{"p":"AAAA","h":[]}', '{"p":"A*","h":{"iv":"AAAA","at":"AAAA"}}', '["p"]', '{"p"', JSON.stringify({ ...message, h: { ...message.h, k: 'no message' } })]) {
      expect(looksLikeRails(text), text).toBe(false);
    }
    // A short tag would be forged in no time.
    expect(refusalOf(() => rails.open(JSON.stringify({ ...message, h: { ...message.h, at: (message.h['at'] as string).slice(0, 4) } })))).toMatchObject({ code: 'wrong-key' });
  });

  test('Rails: a message that swells beyond all bounds ends there', () => {
    // Some 80 kB as they are stored.
    const [stored] = made({ format: 'rails', text: 'x'.repeat(80 * 1024 * 1024), password: 'primary', salt: SALT }) as [string];
    expect(refusalOf(() => new Rails([keyOf('primary')], salt()).open(stored))).toMatchObject({ code: 'malformed' });
  }, 60_000);
});
