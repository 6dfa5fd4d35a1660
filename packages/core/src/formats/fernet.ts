/**
 * Fernet tokens: https://github.com/fernet/spec/blob/master/Spec.md, as Python's `cryptography` makes and reads them.
 *
 * token = base64url with padding of: 0x80 | u64be seconds | IV 16 | AES-128-CBC, PKCS #7 | HMAC-SHA256 of all before
 * key   = base64url of: signing key 16 | encryption key 16
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import type { Secret } from '../keyring/secret.ts';
import { type Clock, systemClock } from '../ports.ts';
import { refuseNoValue } from './plaintext.ts';
import { equalBytes } from './xaes.ts';

const VERSION = 0x80;
const HEAD_BYTES = 1 + 8 + 16;
const MAC_BYTES = 32;
const LEAST_BYTES = HEAD_BYTES + 16 + MAC_BYTES;
const KEY_BYTES = 32;
const LAST_SECOND = 2n ** 64n - 1n;

export interface FernetLimits {
  /** Seconds, as everything in Fernet. Without it neither age nor clock skew is looked at, as in Python. */
  readonly maxAge?: number;
  /** Seconds that a token may come from the future when a maximum age is asked for. 60, as in Python. */
  readonly clockSkew?: number;
}

/** What a token held. */
export interface OpenedToken {
  readonly value: Buffer;
  /** When it was made, since the Unix epoch. All 64 bits: a number would round a time that is far away. */
  readonly seconds: bigint;
  /** Which of the keys opened it, counted from 0. 0 is the one that encrypts. */
  readonly key: number;
}

/** The two halves of a key. */
interface Halves {
  readonly signing: KeyObject;
  readonly encryption: KeyObject;
}

/** A new Fernet key as text: 32 random bytes, base64url with padding, 44 characters. It is a secret. */
export function generateFernetKey(): string {
  return encode(randomBytes(32));
}

/**
 * The 32 bytes of a Fernet key.
 *
 * @throws LockfastError `invalid-key`: not set, not base64, or not 32 bytes
 */
export function parseFernetKey(text: string | undefined): Buffer {
  if (text === undefined || text.trim() === '') {
    throw invalidKey('is not set', 'set the one that the data was encrypted with; for new data: lockfast key generate --format fernet');
  }
  const trimmed = text.trim();
  // Python's urlsafe_b64decode takes both alphabets; keys are pasted by people, so padding is not insisted on.
  if (!/^[A-Za-z0-9_+/-]+={0,2}$/.test(trimmed) || trimmed.replace(/=+$/, '').length % 4 === 1) {
    throw invalidKey('is not base64', 'it must be 32 url-safe base64-encoded bytes: check that it was copied whole and without quotes');
  }
  const bytes = Buffer.from(trimmed, 'base64url');
  if (bytes.length !== KEY_BYTES) {
    throw invalidKey(`has ${bytes.length} bytes, not 32`, 'it must be 32 url-safe base64-encoded bytes: check that it was copied whole');
  }
  return bytes;
}

/** Encrypts under the first of its keys, decrypts under any of them, tried in order. */
export class Fernet {
  readonly #keys: readonly Halves[];
  readonly #clock: Clock;

  /**
   * @param keys as text, or as the 32 bytes that the text stands for
   * @throws LockfastError `invalid-key`
   */
  constructor(keys: string | Secret | readonly (string | Secret)[], clock: Clock = systemClock) {
    const all = Array.isArray(keys) ? (keys as readonly (string | Secret)[]) : [keys as string | Secret];
    if (all.length === 0) parseFernetKey(undefined);
    this.#keys = all.map(halvesOf);
    this.#clock = clock;
  }

  /** `null` stays `null`. @throws LockfastError `invalid-text` for ill-formed UTF-16 or anything that is neither text nor bytes */
  encrypt(value: string | Uint8Array): string;
  encrypt(value: string | Uint8Array | null): string | null;
  encrypt(value: string | Uint8Array | null): string | null {
    if (value === null) return null;
    return this.seal(value);
  }

  /**
   * @throws LockfastError `invalid-token`, one code for every reason: not base64, too short, another version, no key
   *   fits, altered, too old. Fernet can't tell them apart, and an attacker must not learn which it was.
   */
  decrypt(token: string | Uint8Array, limits?: FernetLimits): Buffer;
  decrypt(token: string | Uint8Array | null, limits?: FernetLimits): Buffer | null;
  decrypt(token: string | Uint8Array | null, limits?: FernetLimits): Buffer | null {
    return token === null ? null : this.open(token, limits).value;
  }

  /** Milliseconds since the token was made. It must open: an unverified time is worth nothing. */
  ageOf(token: string | Uint8Array): number {
    return this.#clock.now() - Number(this.open(token).seconds) * 1000;
  }

  /** The same value under the first key, with its time kept, as `MultiFernet.rotate` does. */
  rotate(token: string | Uint8Array): string {
    const { value, seconds } = this.open(token);
    return this.seal(value, seconds);
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }

  /**
   * A token with a time of its own, as a conversion or rotation keeps it.
   *
   * @param seconds since the Unix epoch; the present unless given
   * @throws LockfastError as {@link encrypt}; `parameters-out-of-range` for a time that 64 bits can't hold
   */
  seal(value: string | Uint8Array, seconds = BigInt(this.#seconds())): string {
    const bytes = bytesOf(value);
    if (seconds < 0n || seconds > LAST_SECOND) {
      throw new LockfastError('parameters-out-of-range', 'the time of a token is before 1970 or has more than 64 bits', 'check the clock that it was made by');
    }
    const { signing, encryption } = this.#keys[0]!;
    const iv = randomBytes(16);
    const cipher = createCipheriv('aes-128-cbc', encryption, iv);
    const first = cipher.update(bytes);
    const last = cipher.final();
    const token = Buffer.allocUnsafe(HEAD_BYTES + first.length + last.length + MAC_BYTES);
    token[0] = VERSION;
    token.writeBigUInt64BE(seconds, 1);
    iv.copy(token, 9);
    first.copy(token, HEAD_BYTES);
    last.copy(token, HEAD_BYTES + first.length);
    const end = token.length - MAC_BYTES;
    createHmac('sha256', signing).update(token.subarray(0, end)).digest().copy(token, end);
    return encode(token);
  }

  /** As {@link decrypt}, with the time of the token and which key it was. @throws as {@link decrypt} */
  open(token: string | Uint8Array, { maxAge, clockSkew = 60 }: FernetLimits = {}): OpenedToken {
    const bytes = decode(token);
    if (bytes === undefined || bytes.length < LEAST_BYTES || bytes[0] !== VERSION) throw invalidToken();
    const seconds = bytes.readBigUInt64BE(1);
    const end = bytes.length - MAC_BYTES;
    const key = this.#keys.findIndex(({ signing }) =>
      equalBytes(createHmac('sha256', signing).update(bytes.subarray(0, end)).digest(), bytes.subarray(end)),
    );
    if (key === -1) throw invalidToken();
    if (maxAge !== undefined) {
      const age = this.#seconds() - Number(seconds);
      // Asked so that NaN refuses.
      if (!(age <= maxAge && -age <= clockSkew)) throw invalidToken();
    }
    try {
      const decipher = createDecipheriv('aes-128-cbc', this.#keys[key]!.encryption, bytes.subarray(9, HEAD_BYTES));
      const first = decipher.update(bytes.subarray(HEAD_BYTES, end));
      return { value: Buffer.concat([first, decipher.final()]), seconds, key };
    } catch {
      throw invalidToken();
    }
  }
}

/** True for a text that has the form of a Fernet token. What it is, only decrypting proves. */
export function looksLikeFernet(text: string): boolean {
  const bytes = decode(text);
  return bytes !== undefined && bytes.length >= LEAST_BYTES && bytes[0] === VERSION && (bytes.length - HEAD_BYTES - MAC_BYTES) % 16 === 0;
}

function halvesOf(key: string | Secret): Halves {
  if (typeof key === 'object') return key.use(halved);
  const bytes = parseFernetKey(key);
  try {
    return halved(bytes);
  } finally {
    bytes.fill(0);
  }
}

function halved(bytes: Buffer): Halves {
  if (bytes.length !== KEY_BYTES) throw invalidKey(`has ${bytes.length} bytes, not 32`, 'hand over the 32 bytes of the key, not its text');
  return { signing: createSecretKey(bytes.subarray(0, 16)), encryption: createSecretKey(bytes.subarray(16)) };
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  refuseNoValue(value);
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url') + '='.repeat((3 - (bytes.length % 3)) % 3);
}

function decode(token: string | Uint8Array): Buffer | undefined {
  if (typeof token !== 'string' && !(token instanceof Uint8Array)) return undefined;
  const text = typeof token === 'string' ? token : Buffer.from(token).toString('latin1');
  const bytes = Buffer.from(text, 'base64url');
  return encode(bytes) === text ? bytes : undefined;
}

function invalidKey(what: string, hint: string): LockfastError {
  return new LockfastError('invalid-key', `the Fernet key ${what}`, hint);
}

function invalidToken(): LockfastError {
  return new LockfastError(
    'invalid-token',
    'the Fernet token is invalid, too old, or made under another key',
    'check that the key is the one that made it: after a rotation that may be an earlier one',
  );
}
