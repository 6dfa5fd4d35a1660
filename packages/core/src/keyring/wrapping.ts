import { randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { expand, extract, HKDF, NO_SALT } from '../formats/derivation.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { COMMITMENT_BYTES, equalBytes, NONCE_BYTES, open, PREFIX_BYTES, seal, TAG_BYTES, XaesKey } from '../formats/xaes.ts';
import { Secret } from './secret.ts';

const KEY_BYTES = 32;
const SEALED_AT = NONCE_BYTES + COMMITMENT_BYTES;
const WRAPPED_BYTES = SEALED_AT + KEY_BYTES + TAG_BYTES;

/** What a wrapping is for; part of the key derivation, so that no wrapped key fits in another's place. */
export type WrappingPurpose = 'lockfast/ring-wrap' | 'lockfast/key-wrap' | 'lockfast/tenant-wrap' | 'lockfast/index-wrap' | 'lockfast/ledger-wrap' | 'lockfast/seal';

/**
 * Wraps a 32-byte key under another: KC-XAES-256-GCM, nonce 24 | commitment 32 | ciphertext 32 | tag 16, as base64url.
 * The commitment tells a wrong key from an altered wrapping.
 *
 * @param binding authenticated, and needed again to unwrap
 */
export function wrapKey(under: Secret, purpose: WrappingPurpose, key: Secret, binding: Uint8Array): string {
  const xaes = wrappingKey(under, purpose);
  const nonce = randomBytes(NONCE_BYTES);
  const prefix = xaes.prefix(nonce.subarray(0, PREFIX_BYTES));
  const out = Buffer.alloc(WRAPPED_BYTES);
  nonce.copy(out);
  xaes.commitment(prefix, nonce, PREFIX_BYTES).copy(out, NONCE_BYTES);
  key.use((bytes) => seal(prefix.gcmKey, nonce.subarray(PREFIX_BYTES), bytes, Buffer.from(binding), out, SEALED_AT));
  return out.toString('base64url');
}

/** @throws LockfastError `malformed`, `wrong-key`, `moved-or-altered` */
export function unwrapKey(under: Secret, purpose: WrappingPurpose, wrapped: string, binding: Uint8Array): Secret {
  const body = Buffer.from(wrapped, 'base64url');
  // Sizes are checked before and after: some wrappings of other software open to an empty key.
  if (body.length !== WRAPPED_BYTES || body.toString('base64url') !== wrapped) {
    throw new LockfastError('malformed', 'a wrapped key is cut short or altered', 'restore the key ring from a backup');
  }
  const xaes = wrappingKey(under, purpose);
  const prefix = xaes.prefix(body.subarray(0, PREFIX_BYTES));
  if (!equalBytes(xaes.commitment(prefix, body, PREFIX_BYTES), body.subarray(NONCE_BYTES, SEALED_AT))) {
    throw new LockfastError('wrong-key', 'the key was wrapped under another key', 'use the root key that belongs to this key ring');
  }
  const key = open(prefix.gcmKey, body.subarray(PREFIX_BYTES, NONCE_BYTES), body.subarray(SEALED_AT), Buffer.from(binding));
  if (key?.length !== KEY_BYTES) {
    throw new LockfastError(
      'moved-or-altered',
      'a wrapped key was altered, or belongs to another key ring or environment',
      'restore the key ring from a backup',
    );
  }
  return new Secret(key);
}

function wrappingKey(under: Secret, purpose: WrappingPurpose): XaesKey {
  const prk = extract(under, NO_SALT, HKDF);
  const k = expand(prk, lengthPrefixed([purpose]));
  const xaes = new XaesKey(k);
  prk.fill(0);
  k.fill(0);
  return xaes;
}
