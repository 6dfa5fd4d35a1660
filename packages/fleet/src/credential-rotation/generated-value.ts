import { randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';

/** 32 bytes in base64url. */
const USUAL_LENGTH = 43;
const SHORTEST = 16;
const LONGEST = 1024;

/**
 * A random value that no dialect and no shell needs to quote: letters, digits, `-` and `_`, six bits each.
 *
 * @param length in characters
 * @throws LockfastError `usage` for a length that is too small to be a secret, or absurd
 */
export function generatedValue(length: number = USUAL_LENGTH): string {
  if (!Number.isInteger(length) || length < SHORTEST || length > LONGEST) {
    throw new LockfastError('usage', `a generated value has ${SHORTEST} to ${LONGEST} characters`, `leave --length out for ${USUAL_LENGTH}`);
  }
  return randomBytes(Math.ceil((length * 6) / 8)).toString('base64url').slice(0, length);
}
