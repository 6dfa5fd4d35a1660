import type { Decipheriv } from 'node:crypto';

/** All of what was sealed; undefined where its end does not fit, the tag or the padding. What was decrypted by then is erased. */
export function decrypted(decipher: Decipheriv, sealed: Uint8Array): Buffer | undefined {
  const value = decipher.update(sealed);
  try {
    return Buffer.concat([value, decipher.final()]);
  } catch {
    return undefined;
  } finally {
    value.fill(0);
  }
}
