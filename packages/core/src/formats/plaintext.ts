/** What lies inside a value's ciphertext: flags 1 | created u48be ms, if bit 0 is set | the value. */
import { isUtf8 } from 'node:buffer';

import { LockfastError } from '../errors.ts';
import { MOST_VALUE_BYTES } from './lfv1.ts';

const HAS_TIME = 1;
const LAST_TIME = 2 ** 48 - 1;
/** Four times as fast as `Buffer.write` for a long text. */
const UTF8 = new TextEncoder();

export interface Opened {
  /** Milliseconds since the Unix epoch, or undefined where the writer recorded no time. */
  readonly created: number | undefined;
  readonly value: Buffer;
}

/**
 * @throws LockfastError `too-large`, `invalid-text` for ill-formed UTF-16 or anything that is neither text nor bytes,
 *   `parameters-out-of-range` for a time that 48 bits can't hold
 */
export function pack(value: string | Uint8Array, created: number | undefined): Buffer {
  refuseNoValue(value);
  if (created !== undefined && !(created >= 0 && created <= LAST_TIME)) {
    throw new LockfastError('parameters-out-of-range', 'the time of a value is before 1970 or after the year 10889', 'check the clock that it was made by');
  }
  const start = created === undefined ? 1 : 7;
  // Almost every secret is ASCII: then it has as many bytes as characters, and to count them first costs more than to encode them.
  const ascii = place(value, start, value.length);
  const out = ascii ?? place(value, start, Buffer.byteLength(value))!;
  out[0] = created === undefined ? 0 : HAS_TIME;
  if (created !== undefined) out.writeUIntBE(created, 1, 6);
  return out;
}

/** `value` in UTF-8 behind `start` free bytes, or undefined where it takes more than `bytes`. */
function place(value: string | Uint8Array, start: number, bytes: number): Buffer | undefined {
  if (bytes > MOST_VALUE_BYTES) {
    throw new LockfastError('too-large', 'the value is larger than 16 MiB', 'keep the data in an encrypted file and its key here');
  }
  const out = Buffer.allocUnsafe(start + bytes);
  if (typeof value !== 'string') {
    out.set(value, start);
    return out;
  }
  if (UTF8.encodeInto(value, out.subarray(start)).read === value.length) return out;
  out.fill(0);
  return undefined;
}

/** @throws LockfastError `invalid-text` */
export function refuseNoValue(value: string | Uint8Array): void {
  if (typeof value === 'string' ? value.isWellFormed() : value instanceof Uint8Array) return;
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
  throw new LockfastError('invalid-text', 'the value is bytes, not UTF-8 text', 'read it as bytes');
}
