import { createHmac, createSecretKey, type Hmac, pbkdf2Sync } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import type { Secret } from '../keyring/secret.ts';

/**
 * How a pseudo-random key is extracted from a data key and a salt.
 * HKDF (RFC 5869) is right for a random key. PBKDF2 (RFC 8018) stands beside it because some policies ask for it by name.
 */
export type Derivation =
  | { readonly name: 'hkdf' }
  | { readonly name: 'pbkdf2-sha256'; readonly iterations: number };

export const HKDF: Derivation = { name: 'hkdf' };

export const SALT_BYTES = 32;
/** What HKDF-Extract uses where no salt of its own exists: RFC 5869 section 2.2, HashLen zeros. */
export const NO_SALT: Buffer = Buffer.alloc(SALT_BYTES);

/** A file must not be able to weaken a key (1 iteration) or to burn an hour (10^9). Both ends are checked on reading. */
export const PBKDF2_ITERATIONS = { least: 100_000, usual: 600_000, most: 10_000_000 } as const;

/** @throws LockfastError `parameters-out-of-range` */
export function checkIterations(iterations: number): void {
  const { least, most } = PBKDF2_ITERATIONS;
  if (Number.isSafeInteger(iterations) && iterations >= least && iterations <= most) return;
  throw new LockfastError(
    'parameters-out-of-range',
    `the PBKDF2 iteration count is not between ${least} and ${most}`,
    'the file was made by other software or altered: restore it from a backup',
  );
}

/**
 * The 32-byte pseudo-random key PRK of RFC 5869 section 2.2, or PBKDF2's output in its place.
 *
 * @param tenantSecret follows the salt, which is secret then, too: without either of the two keys nobody has PRK
 */
export function extract(key: Secret, salt: Uint8Array, derivation: Derivation, tenantSecret?: Secret): Buffer {
  if (tenantSecret !== undefined) {
    return tenantSecret.use((bytes) => {
      const both = Buffer.concat([salt, bytes]);
      try {
        return extract(key, both, derivation);
      } finally {
        both.fill(0);
      }
    });
  }
  return key.use((bytes) => {
    if (derivation.name === 'hkdf') return hmac(salt).update(bytes).digest();
    checkIterations(derivation.iterations);
    return pbkdf2Sync(bytes, salt, derivation.iterations, 32, 'sha256');
  });
}

/** HKDF-Expand of RFC 5869 section 2.3, for at most one block of SHA-256. */
export function expand(prk: Uint8Array, info: Uint8Array, length: 16 | 32 = 32): Buffer {
  return hmac(prk).update(info).update(ONE).digest().subarray(0, length);
}

/** HMAC-SHA256. With a Buffer key, and no KeyObject, each one is about three times slower in Node 24. */
export function hmac(key: Uint8Array): Hmac {
  return createHmac('sha256', createSecretKey(key));
}

const ONE = Uint8Array.of(1);
