import { randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';

/** In base64url 43 characters. */
const USUAL_BYTES = 32;
const SHORTEST = 16;
const LONGEST = 1024;

/**
 * A random value that no dialect and no shell needs to quote: letters, digits, `-` and `_`.
 *
 * @param length in characters, of six bits each; without it, 32 bytes in base64url
 * @throws LockfastError `usage` for a length that is too small to be a secret, or absurd
 */
export function generatedValue(length?: number): string {
  if (length === undefined) return randomBytes(USUAL_BYTES).toString('base64url');
  if (!Number.isInteger(length) || length < SHORTEST || length > LONGEST) {
    throw new LockfastError('usage', `a generated value has ${SHORTEST} to ${LONGEST} characters`, 'leave --length out for 43');
  }
  return randomBytes(Math.ceil((length * 6) / 8)).toString('base64url').slice(0, length);
}
