/** What lies inside a value's ciphertext: flags 1 | created u48be ms, if bit 0 is set | the value. */
import { isUtf8 } from 'node:buffer';

import { LockfastError } from '../errors.ts';
import { MOST_VALUE_BYTES } from './lfv1.ts';

const HAS_TIME = 1;

export interface Opened {
  /** Milliseconds since the Unix epoch, or undefined where the writer recorded no time. */
  readonly created: number | undefined;
  readonly value: Buffer;
}

/** @throws LockfastError `too-large`, `invalid-text` for ill-formed UTF-16 or anything that is neither text nor bytes */
export function pack(value: string | Uint8Array, created: number | undefined): Buffer {
  const start = created === undefined ? 1 : 7;
  const length = byteLength(value);
  if (length > MOST_VALUE_BYTES) {
    throw new LockfastError('too-large', 'the value is larger than 16 MiB', 'keep the data in an encrypted file and its key here');
  }
  const out = Buffer.allocUnsafe(start + length);
  out[0] = created === undefined ? 0 : HAS_TIME;
  if (created !== undefined) out.writeUIntBE(created, 1, 6);
  if (typeof value === 'string') out.write(value, start, 'utf8');
  else out.set(value, start);
  return out;
}

/** In UTF-8 where it is text. @throws LockfastError `invalid-text` */
export function byteLength(value: string | Uint8Array): number {
  if (typeof value === 'string') {
    if (value.isWellFormed()) return Buffer.byteLength(value, 'utf8');
  } else if (value instanceof Uint8Array) {
    return value.length;
  }
  throw new LockfastError(
    'invalid-text',
    'the value is neither well-formed text nor bytes',
    'pass a string without lone surrogates, or a Uint8Array',
  );
}

/** @throws LockfastError `unsupported-format` for flags of a later version */
export function unpack(plaintext: Buffer): Opened {
  const flags = plaintext[0]!;
  if ((flags & ~HAS_TIME) !== 0 || (flags === HAS_TIME && plaintext.length < 7)) {
    throw new LockfastError('unsupported-format', 'the value was written by a newer Lockfast', 'upgrade Lockfast on this machine');
  }
  if (flags === HAS_TIME) return { created: plaintext.readUIntBE(1, 6), value: plaintext.subarray(7) };
  return { created: undefined, value: plaintext.subarray(1) };
}

/** @throws LockfastError `invalid-text` when the bytes are not UTF-8 */
export function asText(value: Buffer): string {
  // isUtf8 and toString together cost a fifth of a fatal TextDecoder, which loads ICU on its first use.
  if (isUtf8(value)) return value.toString('utf8');
  throw new LockfastError('invalid-text', 'the decrypted value is bytes, not UTF-8 text', 'read it with decryptBytes');
}
