/** A key under a passphrase: it opens with that alone, and the parameters in the text can neither weaken nor stall. */
import { pbkdf2Sync } from 'node:crypto';

import { parseKdf, unwrapKey, unwrapUnderPassphrase, USUAL_KDF, wrapUnderPassphrase, Secret } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { laterRefusalOf, refusalOf } from '../files/refusal.ts';
import { processorTime } from '../formats/scale.ts';
import { QUICK_ARGON2, QUICK_PBKDF2, secretOf } from './passphrases.ts';

const binding = Buffer.from('ring');
const PHRASE = 'correct horse bатtery staple';

function hexOf(secret: Secret): string {
  return secret.use((bytes) => bytes.toString('hex'));
}

describe.for([QUICK_ARGON2, QUICK_PBKDF2])('$kdf', (kdf) => {
  test('[E3] opens with its passphrase, and the text names the derivation', async () => {
    const key = Secret.random();
    const text = await wrapUnderPassphrase(secretOf(PHRASE), kdf, key, binding);
    expect(text).toMatch(/^(argon2id:m=19456,t=1,p=1|pbkdf2-sha256:i=100000):[\w-]{43}:[\w-]{139}$/);
    expect(hexOf(await unwrapUnderPassphrase(secretOf(PHRASE), text, binding))).toBe(hexOf(key));
    expect(await wrapUnderPassphrase(secretOf(PHRASE), kdf, key, binding)).not.toBe(text);
  });

  test('[D5] another passphrase, another place, an altered text', async () => {
    const text = await wrapUnderPassphrase(secretOf(PHRASE), kdf, Secret.random(), binding);
    for (const other of [`${PHRASE} `, PHRASE.toUpperCase(), PHRASE.slice(1), 'x']) {
      expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(other), text, binding))).code).toBe('wrong-key');
    }
    expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), text, Buffer.from('rinh')))).code).toBe('moved-or-altered');
    const [name, parameters, salt, wrapped] = text.split(':') as [string, string, string, string];
    const flip = (part: string, at: number): string => part.slice(0, at) + (part[at] === 'A' ? 'B' : 'A') + part.slice(at + 1);
    expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), [name, parameters, flip(salt, 5), wrapped].join(':'), binding))).code).toBe('wrong-key');
    expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), [name, parameters, salt, flip(wrapped, 5)].join(':'), binding))).code).toBe('wrong-key');
    expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), [name, parameters, salt, flip(wrapped, 100)].join(':'), binding))).code).toBe('moved-or-altered');
  });

  test('[D5] an empty passphrase is refused', async () => {
    expect((await laterRefusalOf(wrapUnderPassphrase(secretOf(''), kdf, Secret.random(), binding))).code).toBe('invalid-key');
    const text = await wrapUnderPassphrase(secretOf(PHRASE), kdf, Secret.random(), binding);
    expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(''), text, binding))).code).toBe('invalid-key');
  });
});

test('[E3] PBKDF2 is OpenSSL\'s, so that another program can open it', async () => {
  const key = Secret.random();
  const text = await wrapUnderPassphrase(secretOf(PHRASE), QUICK_PBKDF2, key, binding);
  const [, , salt, wrapped] = text.split(':') as [string, string, string, string];
  const stretched = new Secret(pbkdf2Sync(PHRASE, Buffer.from(salt, 'base64url'), 100_000, 32, 'sha256'));
  expect(hexOf(unwrapKey(stretched, 'lockfast/ring-wrap', wrapped, binding))).toBe(hexOf(key));
});

describe('[E3] parameters', () => {
  test('the usual ones', () => {
    expect(USUAL_KDF).toEqual({ kdf: 'argon2id', parameters: 'm=65536,t=3,p=4' });
    expect(parseKdf('argon2id')).toEqual(USUAL_KDF);
    expect(parseKdf('pbkdf2-sha256')).toEqual({ kdf: 'pbkdf2-sha256', parameters: 'i=600000' });
  });

  test.for(['argon2id:m=19456,t=1,p=1', 'argon2id:p=16,t=4,m=1048576', 'argon2id:m=262144,t=16,p=1', 'pbkdf2-sha256:i=100000', 'pbkdf2-sha256:i=10000000'])('%s is within the bounds', (text) => {
    expect(`${parseKdf(text).kdf}:${parseKdf(text).parameters}`).toBe(text);
  });

  test.for([
    'pbkdf2-sha256:i=1', 'pbkdf2-sha256:i=99999', 'pbkdf2-sha256:i=10000001', 'pbkdf2-sha256:i=1000000000', 'pbkdf2-sha256:i=4294967297',
    'pbkdf2-sha256:i=-600000', 'pbkdf2-sha256:i=6e5', 'pbkdf2-sha256:i=0600000', 'pbkdf2-sha256:i=600000.5', 'pbkdf2-sha256:i=', 'pbkdf2-sha256:', 'pbkdf2-sha256:m=65536',
    'pbkdf2-sha256:i=600000,i=600000', 'pbkdf2-sha256:i=600000,', 'pbkdf2-sha256:i=600000 ', 'pbkdf2-sha256:i=600000\n', 'pbkdf2-sha256:__proto__=1',
    'argon2id:m=8,t=1,p=1', 'argon2id:m=19455,t=1,p=1', 'argon2id:m=1048577,t=1,p=1', 'argon2id:m=999999999,t=1,p=1', 'argon2id:m=65536,t=0,p=4', 'argon2id:m=65536,t=17,p=4',
    'argon2id:m=65536,t=3,p=0', 'argon2id:m=65536,t=3,p=17', 'argon2id:m=1048576,t=5,p=4', 'argon2id:m=65536,t=3', 'argon2id:m=65536,t=3,p=4,x=1', 'argon2id:m=65536,m=65536,t=3,p=4',
    'argon2i:m=65536,t=3,p=4', 'argon2d', 'scrypt', 'none', '', 'hkdf', 'PBKDF2-SHA256:i=600000', 'toString', '__proto__',
  ])('%j is refused at once, on reading too', async (text) => {
    const start = processorTime();
    expect(refusalOf(() => parseKdf(text)).code).toBe('parameters-out-of-range');
    const stored = `${text.includes(':') ? text : `${text}:i=600000`}:${'A'.repeat(43)}:${'A'.repeat(139)}`;
    const refusal = await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), stored, binding));
    expect(refusal.code).toBe('parameters-out-of-range');
    expect(processorTime() - start).toBeLessThan(100);
  });

  test('work that no bound on one parameter stops is refused on writing, too', async () => {
    const kdf = { kdf: 'argon2id', parameters: 'm=1048576,t=16,p=1' } as const;
    expect((await laterRefusalOf(wrapUnderPassphrase(secretOf(PHRASE), kdf, Secret.random(), binding))).code).toBe('parameters-out-of-range');
  });
});

test.for([
  '', ':', ':::', 'argon2id', 'argon2id:m=19456,t=1,p=1', `pbkdf2-sha256:i=100000:${'A'.repeat(43)}`, `pbkdf2-sha256:i=100000:${'A'.repeat(42)}:${'A'.repeat(139)}`,
  `pbkdf2-sha256:i=100000:${'A'.repeat(43)}=:${'A'.repeat(139)}`, `pbkdf2-sha256:i=100000:${'A'.repeat(42)}B:${'A'.repeat(139)}`,
  `pbkdf2-sha256:i=100000:${'A'.repeat(43)}:${'A'.repeat(139)}:`, `pbkdf2-sha256:i=100000::${'A'.repeat(139)}`,
])('[D5] a text that is none: %j', async (text) => {
  expect((await laterRefusalOf(unwrapUnderPassphrase(secretOf(PHRASE), text, binding))).code).toBe('malformed');
});
