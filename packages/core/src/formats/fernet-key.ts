import { createHash } from 'node:crypto';

import { Secret } from '../keyring/secret.ts';
import type { DataKey } from './data-keys.ts';
import { expand, extract, HKDF, NO_SALT } from './derivation.ts';
import { lengthPrefixed } from './length-prefix.ts';

/**
 * The Fernet key that belongs to a data key, 32 bytes: signing key 16 | encryption key 16. Python programs encrypt under
 * it, and so under the key ring: who rotates or destroys the data key does the same to it. `docs/formats/fernet.md`.
 */
export function fernetKeyOf({ secret }: DataKey, environment: string): Secret {
  const prk = extract(secret, NO_SALT, HKDF);
  try {
    return new Secret(expand(prk, lengthPrefixed(['lockfast/fernet', environment])));
  } finally {
    prk.fill(0);
  }
}

/** The text of a Fernet key, as Python takes it: base64url with padding, 44 characters. It is a secret. */
export function fernetKeyText(key: Secret): string {
  return key.use((bytes) => `${bytes.toString('base64url')}=`);
}

/** Tells one Fernet key from another, and nothing about either: `sha256:` and hex of SHA-256("lockfast-fernet-fp" | key). */
export function fernetFingerprint(key: Secret): string {
  return key.use((bytes) => `sha256:${createHash('sha256').update('lockfast-fernet-fp').update(bytes).digest('hex')}`);
}
