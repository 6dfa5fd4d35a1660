import { createDecipheriv } from 'node:crypto';

import type { Secret } from '@lockfast/core/keyring';

import { decrypted } from './decrypted.ts';

/** AES-GCM with a 16-byte tag and without additional data (NIST SP 800-38D), under a key of 16, 24 or 32 bytes. Undefined where the tag does not fit. */
export function openGcm(key: Secret, iv: Uint8Array, sealed: Uint8Array, tag: Uint8Array): Buffer | undefined {
  return key.use((bytes) => {
    const name = ({ 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' } as const)[bytes.length];
    // Node would take a tag of 4 bytes as well, which anybody forges.
    if (name === undefined || tag.length !== TAG_BYTES || iv.length === 0) return undefined;
    const decipher = createDecipheriv(name, bytes, iv, { authTagLength: TAG_BYTES });
    decipher.setAuthTag(tag);
    return decrypted(decipher, sealed);
  });
}

export const TAG_BYTES = 16;
