import { randomBytes } from 'node:crypto';

const BYTES = 32;

/** A value for a variable that nobody needs to know: 32 random bytes in base64url, 43 characters that every dialect reads alike. */
export function generatedValue(): string {
  return randomBytes(BYTES).toString('base64url');
}
