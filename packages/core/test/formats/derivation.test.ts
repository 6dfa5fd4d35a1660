/** Key derivation: RFC 5869 as far as it is used here, PBKDF2 as RFC 8018 has it, and bounds on what a file may ask for. */
import { hkdfSync, pbkdf2Sync } from 'node:crypto';

import { HKDF, PBKDF2_ITERATIONS } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { expand, extract, NO_SALT } from '../../src/formats/derivation.ts';
import { lengthPrefixed } from '../../src/formats/length-prefix.ts';
import { refusalOf } from '../files/refusal.ts';
import { cipherOf, KEYS } from './keys.ts';
import { cases, LONG, processorTime } from './scale.ts';
import { hex } from './vectors.ts';

/** RFC 5869 appendix A, the SHA-256 cases. `okm` is longer than one block, so its first 32 bytes are compared. */
const RFC5869 = [
  {
    name: 'A.1, the basic case',
    ikm: '0b'.repeat(22),
    salt: '000102030405060708090a0b0c',
    info: 'f0f1f2f3f4f5f6f7f8f9',
    prk: '077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5',
    okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    name: 'A.2, longer inputs',
    ikm: Buffer.from(Array.from({ length: 80 }, (_, i) => i)).toString('hex'),
    salt: Buffer.from(Array.from({ length: 80 }, (_, i) => 0x60 + i)).toString('hex'),
    info: Buffer.from(Array.from({ length: 80 }, (_, i) => 0xb0 + i)).toString('hex'),
    prk: '06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244',
    okm: 'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    name: 'A.3, no salt and no info',
    ikm: '0b'.repeat(22),
    salt: '',
    info: '',
    prk: '19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04',
    okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
];

test.for(RFC5869)('[E3] RFC 5869 $name', ({ ikm, salt, info, prk, okm }) => {
  const extracted = extract(new Secret(hex(ikm)), hex(salt), HKDF);
  expect(extracted.toString('hex')).toBe(prk);
  expect(expand(extracted, hex(info)).toString('hex')).toBe(okm.slice(0, 64));
  expect(expand(extracted, hex(info), 16).toString('hex')).toBe(okm.slice(0, 32));
});

test('[E3] no salt is the same as 32 zeros, as RFC 5869 says', () => {
  const key = (): Secret => new Secret(hex('0b'.repeat(22)));
  expect(extract(key(), NO_SALT, HKDF)).toEqual(extract(key(), Buffer.alloc(0), HKDF));
  expect(NO_SALT).toEqual(Buffer.alloc(32));
});

test('[E3] [W10] a tenant\'s secret follows the salt, for HKDF and PBKDF2, and is still there afterwards', () => {
  const [key, salt, own] = ['01', '02', '03'].map((byte) => hex(byte.repeat(32))) as [Buffer, Buffer, Buffer];
  const tenantSecret = new Secret(Buffer.from(own));
  const both = Buffer.concat([salt, own]);
  expect(extract(new Secret(Buffer.from(key)), salt, HKDF, tenantSecret)).toEqual(extract(new Secret(Buffer.from(key)), both, HKDF));
  const pbkdf2 = { name: 'pbkdf2-sha256', iterations: 100_000 } as const;
  expect(extract(new Secret(Buffer.from(key)), salt, pbkdf2, tenantSecret)).toEqual(pbkdf2Sync(key, both, 100_000, 32, 'sha256'));
  expect(extract(new Secret(Buffer.from(key)), salt, HKDF, tenantSecret)).not.toEqual(extract(new Secret(Buffer.from(key)), salt, HKDF));
  expect(salt).toEqual(hex('02'.repeat(32)));
});

test('[E3] HKDF is that of node:crypto, for any key, salt and info', LONG, () => {
  const some = fc.uint8Array({ minLength: 1, maxLength: 100 });
  fc.assert(
    fc.property(some, some, some, (key, salt, info) => {
      const prk = extract(new Secret(Buffer.from(key)), salt, HKDF);
      return expand(prk, info).equals(Buffer.from(hkdfSync('sha256', key, salt, info, 32)));
    }),
    { numRuns: cases(500) },
  );
});

test('[E3] PBKDF2-HMAC-SHA256, against OpenSSL and a published vector', () => {
  // RFC 7914 section 11: the only published PBKDF2-HMAC-SHA256 answers; 80 000 iterations are below our floor.
  expect(pbkdf2Sync('Password', 'NaCl', 80_000, 64, 'sha256').toString('hex').slice(0, 64)).toBe('4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56');
  const salt = Buffer.alloc(32, 3);
  expect(extract(new Secret(Buffer.from('key')), salt, { name: 'pbkdf2-sha256', iterations: 100_000 })).toEqual(pbkdf2Sync('key', salt, 100_000, 32, 'sha256'));
});

test('[E3] the usual count is 600 000', () => {
  expect(PBKDF2_ITERATIONS).toEqual({ least: 100_000, usual: 600_000, most: 10_000_000 });
});

describe('[E3] a count that weakens the key or burns an hour is refused at once', () => {
  test.for([0, 1, 1000, 99_999, 10_000_001, 1e9, 2 ** 53, -600_000, 600_000.5, Number.NaN, Number.POSITIVE_INFINITY])('%d', (iterations) => {
    const derivation = { name: 'pbkdf2-sha256', iterations } as const;
    const start = processorTime();
    expect(refusalOf(() => extract(Secret.random(), NO_SALT, derivation)).code).toBe('parameters-out-of-range');
    const cipher = cipherOf(KEYS, { derivation });
    expect(refusalOf(() => cipher.encrypt('x', { place: ['p'] })).code).toBe('parameters-out-of-range');
    expect(processorTime() - start).toBeLessThan(100);
  });
});

test('[B4] one key gives another key for each purpose, environment and salt', () => {
  const derived = (purpose: string, environment: string, salt: Buffer): string =>
    expand(extract(new Secret(Buffer.alloc(32, 9)), salt, HKDF), lengthPrefixed(['lockfast/lfv1', purpose, environment])).toString('hex');
  const all = ['env', 'column', 'e', 'envp'].flatMap((purpose) =>
    ['production', 'staging', 'roduction'].flatMap((environment) => [0, 1].map((byte) => derived(purpose, environment, Buffer.alloc(32, byte)))),
  );
  expect(new Set(all).size).toBe(all.length);
});
