import { LockfastError } from '../errors.ts';
import type { AdditionalData, Context } from './context.ts';
import type { KeyId } from './key-id.ts';
import type { Nonces } from './nonces.ts';
import { COMMITMENT_BYTES, equalBytes, NONCE_BYTES, type NoncePrefix, open, PREFIX_BYTES, seal, TAG_BYTES, type XaesKey } from './xaes.ts';

const PREFIXES_KEPT = 64;
const COMMITMENT_AT = NONCE_BYTES;
const SEALED_AT = NONCE_BYTES + COMMITMENT_BYTES;

/** One data key, derived for one purpose, environment and salt: K of the specification, with its caches. */
export interface Derived {
  readonly keyId: KeyId;
  readonly xaes: XaesKey;
  readonly nonces: Nonces;
  readonly additionalData: AdditionalData;
  /** By the first four bytes, which are random: where chance gives two prefixes the same, the later one stays. */
  readonly prefixes: Map<number, NoncePrefix>;
  /** The one that was read with last: values that were written together share theirs. */
  lastRead: NoncePrefix | undefined;
}

/** Room for the encrypted form of `packed`. */
export function newBody(packed: Buffer): Buffer {
  return Buffer.allocUnsafe(SEALED_AT + packed.length + TAG_BYTES);
}

/**
 * Puts commitment, ciphertext and tag behind the nonce that `body` holds, and erases the plaintext.
 *
 * @param commitment of the key and nonce; its first 32 bytes from `at` on
 */
export function sealBody(body: Buffer, prefix: NoncePrefix, commitment: Buffer, at: number, packed: Buffer, aad: Buffer): void {
  commitment.copy(body, COMMITMENT_AT, at, at + COMMITMENT_BYTES);
  seal(prefix.gcmKey, body.subarray(PREFIX_BYTES, NONCE_BYTES), packed, aad, body, SEALED_AT);
  packed.fill(0);
}

/**
 * Flags, time and value, as they were packed.
 *
 * @param commitment of the key and nonce that `body` is read with
 * @throws LockfastError `invalid-context`, `wrong-key`, `moved-or-altered`
 */
export function openBody(body: Buffer, derived: Derived, prefix: NoncePrefix, commitment: Buffer, context: Context): Buffer {
  const aad = derived.additionalData.of(context);
  if (!equalBytes(commitment, body.subarray(COMMITMENT_AT, SEALED_AT))) {
    throw new LockfastError(
      'wrong-key',
      `the value names the key ${derived.keyId} but was encrypted under another key, or was altered`,
      'check that the value belongs to this environment, tenant and file; else restore it from a backup',
    );
  }
  const plaintext = open(prefix.gcmKey, body.subarray(PREFIX_BYTES, NONCE_BYTES), body, aad, SEALED_AT);
  if (plaintext === undefined) {
    throw new LockfastError(
      'moved-or-altered',
      'the value was altered, or moved here from another place',
      'check the context that it is read with, and restore the value from a backup if that is right',
    );
  }
  return plaintext;
}

/** Whether `body` was made with this key, whatever its context is. */
export function isCommittedTo(derived: Derived, body: Buffer): boolean {
  const prefix = readingPrefix(derived, body);
  return equalBytes(derived.xaes.commitment(prefix, body, PREFIX_BYTES), body.subarray(COMMITMENT_AT, SEALED_AT));
}

/** What the nonce of `body` begins with, from the cache where it is known. */
export function readingPrefix(derived: Derived, body: Buffer): NoncePrefix {
  if (derived.lastRead === undefined || !startsWith(body, derived.lastRead.bytes)) derived.lastRead = knownPrefix(derived, body);
  return derived.lastRead;
}

function knownPrefix({ prefixes, xaes }: Derived, body: Buffer): NoncePrefix {
  const start = body.readUInt32LE(0);
  const known = prefixes.get(start);
  if (known !== undefined && startsWith(body, known.bytes)) return known;
  const bytes = Buffer.alloc(PREFIX_BYTES);
  for (let i = 0; i < PREFIX_BYTES; i++) bytes[i] = body[i]!;
  const prefix = xaes.prefix(bytes);
  if (prefixes.size >= PREFIXES_KEPT) prefixes.clear();
  prefixes.set(start, prefix);
  return prefix;
}

function startsWith(body: Buffer, prefix: Buffer): boolean {
  for (let i = 0; i < PREFIX_BYTES; i++) if (body[i] !== prefix[i]) return false;
  return true;
}
