import { createHash, randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { Secret } from './secret.ts';

/**
 * A root key as text: `lockfast-root-1.` and base64url of key 32 | first 4 bytes of SHA-256("lockfast-root" | key).
 * The beginning lets a scanner find one that leaked; the checksum finds one that was copied wrong.
 */
const BEGINNING = 'lockfast-root-1.';
const KEY_BYTES = 32;
const CHECK_BYTES = 4;
const ROOT_KEY = /lockfast-root-1\.([A-Za-z0-9_-]{48})/g;

/** A new root key as text, from the operating system's random generator. It is a secret. */
export function generateRootKey(): string {
  const key = randomBytes(KEY_BYTES);
  const text = BEGINNING + Buffer.concat([key, checkOf(key)]).toString('base64url');
  key.fill(0);
  return text;
}

/**
 * @param text may end in white space
 * @throws LockfastError `invalid-key`: not set, no root key, or copied wrong
 */
export function parseRootKey(text: string | undefined): Secret {
  if (text === undefined || text.trim() === '') {
    throw invalid('is not set', 'make one with `lockfast key generate --format root`');
  }
  const trimmed = text.trim();
  if (!trimmed.startsWith(BEGINNING)) {
    throw invalid(`does not begin with ${BEGINNING}`, 'use the key that `lockfast init` or `lockfast key generate --format root` made');
  }
  const bytes = Buffer.from(trimmed.slice(BEGINNING.length), 'base64url');
  if (bytes.length !== KEY_BYTES + CHECK_BYTES || bytes.toString('base64url') !== trimmed.slice(BEGINNING.length)) {
    throw invalid('is not 32 bytes and a checksum in base64url', 'check that it was copied whole');
  }
  const key = bytes.subarray(0, KEY_BYTES);
  if (!checkOf(key).equals(bytes.subarray(KEY_BYTES))) throw invalid('does not match its own checksum', 'check that it was copied right');
  return new Secret(key);
}

/** Tells one root key from another, and nothing about either: `sha256:` and hex of SHA-256("lockfast-root-fp" | key). */
export function rootKeyFingerprint(key: Secret): string {
  return key.use((bytes) => `sha256:${createHash('sha256').update('lockfast-root-fp').update(bytes).digest('hex')}`);
}

/** True where `text` holds a root key anywhere: what must not happen in an env file. */
export function holdsRootKey(text: string): boolean {
  for (const [, encoded] of text.matchAll(ROOT_KEY)) {
    const bytes = Buffer.from(encoded!, 'base64url');
    if (checkOf(bytes.subarray(0, KEY_BYTES)).equals(bytes.subarray(KEY_BYTES))) return true;
  }
  return false;
}

function checkOf(key: Buffer): Buffer {
  return createHash('sha256').update('lockfast-root').update(key).digest().subarray(0, CHECK_BYTES);
}

function invalid(what: string, hint: string): LockfastError {
  return new LockfastError('invalid-key', `the root key ${what}`, hint);
}
