import { isUtf8 } from 'node:buffer';

import { LockfastError } from '@lockfast/core/errors';

/** The text of a value that was given as bytes, which are wiped. @param what how an error names it @throws LockfastError `invalid-text` for a NUL, and for what is not UTF-8 */
export function valueText(bytes: Buffer, what: string): string {
  try {
    if (bytes.includes(0)) throw new LockfastError('invalid-text', `${what} holds a NUL, which no environment can carry`, 'encode it, for example in base64, and decode it in the program');
    if (isUtf8(bytes)) return bytes.toString('utf8');
  } finally {
    bytes.fill(0);
  }
  throw new LockfastError('invalid-text', `${what} is not UTF-8`, 'encode it, for example in base64, and decode it in the program');
}
