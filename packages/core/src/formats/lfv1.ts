/**
 * The wire forms of an encrypted value. `docs/formats/lfv1.md` is the specification.
 *
 * text:   lfv1.<key id>.<base64url, no padding, of the body>
 * binary: the same 12 characters as ASCII, then the body
 * body:   nonce 24 | commitment 32 | ciphertext | tag 16
 */
import { LockfastError } from '../errors.ts';
import type { KeyId } from './key-id.ts';
import { COMMITMENT_BYTES, NONCE_BYTES, TAG_BYTES } from './xaes.ts';

const HEADER_CHARACTERS = 12;
const HEADER = /^lfv1\.[a-z][a-z2-7]{5}\./;
/** The ciphertext holds one byte of flags at least. */
const LEAST_BODY_BYTES = NONCE_BYTES + COMMITMENT_BYTES + 1 + TAG_BYTES;
/** Of a value's plaintext, flags and time not counted. */
export const MOST_VALUE_BYTES = 16 * 2 ** 20;
const MOST_BODY_BYTES = LEAST_BODY_BYTES + 6 + MOST_VALUE_BYTES;
const MOST_TEXT_CHARACTERS = HEADER_CHARACTERS + Math.ceil((MOST_BODY_BYTES * 4) / 3);

/** An encrypted value as text (a string) or in its binary form. */
export type Encrypted = string | Uint8Array;

export interface ParsedValue {
  readonly keyId: KeyId;
  readonly body: Buffer;
}

export function header(keyId: KeyId): string {
  return `lfv1.${keyId}.`;
}

/**
 * @throws LockfastError `not-encrypted` when it does not begin as a value does, `malformed` when it does and is none
 */
export function parseValue(value: Encrypted): ParsedValue {
  const parsed = read(value);
  if (parsed === 'not-encrypted') {
    throw new LockfastError('not-encrypted', 'this is not an encrypted value', 'encrypt it first, or read it as the plaintext that it is');
  }
  if (parsed === 'malformed') {
    throw new LockfastError(
      'malformed',
      'this begins like an encrypted value but is cut short, altered or followed by something',
      'restore the value from a backup; a column must be wide enough for the whole of it',
    );
  }
  return parsed;
}

/** True for a well-formed `lfv1` value. Well-formed is not proven: only decrypting proves. */
export function isEncrypted(value: unknown): value is Encrypted {
  return typeof read(value) === 'object';
}

/** Which key a value names. @throws as {@link parseValue} */
export function keyIdOf(value: Encrypted): KeyId {
  return parseValue(value).keyId;
}

/** Which key the start of a value names, whatever follows it: only the first 12 characters are looked at. Undefined where they are no such start. */
export function keyIdAtStart(value: Encrypted): KeyId | undefined {
  const head = typeof value === 'string' ? value : headOf(bufferOf(value));
  return HEADER.test(head) ? keyIdIn(head) : undefined;
}

export function printText(keyId: KeyId, body: Buffer): string {
  return header(keyId) + body.toString('base64url');
}

export function printBinary(keyId: KeyId, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(header(keyId), 'latin1'), body]);
}

function read(value: unknown): ParsedValue | 'not-encrypted' | 'malformed' {
  if (typeof value === 'string') return readText(value);
  return value instanceof Uint8Array ? readBinary(value) : 'not-encrypted';
}

function readText(text: string): ParsedValue | 'not-encrypted' | 'malformed' {
  if (!text.startsWith('lfv1.')) return 'not-encrypted';
  if (!HEADER.test(text) || text.length > MOST_TEXT_CHARACTERS) return 'malformed';
  const encoded = text.slice(HEADER_CHARACTERS);
  const body = Buffer.from(encoded, 'base64url');
  // Node's decoder skips what it does not know and ignores surplus bits. One text per value: it must encode back.
  if (body.length < LEAST_BODY_BYTES || body.toString('base64url') !== encoded) return 'malformed';
  return { keyId: keyIdIn(text), body };
}

function readBinary(bytes: Uint8Array): ParsedValue | 'not-encrypted' | 'malformed' {
  const buffer = bufferOf(bytes);
  const head = headOf(buffer);
  if (!head.startsWith('lfv1.')) return 'not-encrypted';
  const size = buffer.length - HEADER_CHARACTERS;
  if (!HEADER.test(head) || size < LEAST_BODY_BYTES || size > MOST_BODY_BYTES) return 'malformed';
  return { keyId: keyIdIn(head), body: buffer.subarray(HEADER_CHARACTERS) };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function headOf(buffer: Buffer): string {
  return buffer.toString('latin1', 0, HEADER_CHARACTERS);
}

function keyIdIn(text: string): KeyId {
  return text.slice(5, HEADER_CHARACTERS - 1);
}
