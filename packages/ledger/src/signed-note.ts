/** C2SP signed-note with Ed25519, and cosignature/v1 of C2SP tlog-cosignature. `docs/formats/ledger.md`. */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';

import { exactBase64 } from './exact-base64.ts';
import { isKeyName } from './key-name.ts';

/** Who signs a note as its author, or as a witness that adds when it saw it. */
export type SignatureKind = 'signature' | 'cosignature';

/** What is to be known of whoever signs. */
export interface VerifierKey {
  readonly name: string;
  readonly kind: SignatureKind;
  /** Raw 32 bytes. */
  readonly publicKey: Buffer;
  /** The first four bytes of SHA-256(name | newline | type | public key). */
  readonly id: Buffer;
}

/** One signature that a known key made. */
export interface VerifiedSignature {
  readonly key: VerifierKey;
  /** Of a cosignature: when, in seconds since 1970. */
  readonly time?: number;
}

interface NoteSignature {
  readonly name: string;
  readonly id: Buffer;
  readonly bytes: Buffer;
}

interface Note {
  /** With its last newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const TYPE: Readonly<Record<SignatureKind, number>> = { signature: 0x01, cosignature: 0x04 };

/** RFC 8410: what stands before the 32 bytes, of the seed in PKCS #8 and of the public key in SPKI. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_BYTES = 32;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** Room for the 16 signatures that every reader must accept, ones of other algorithms among them. */
const MOST_NOTE_BYTES = 64 * 1024;
const MOST_SIGNATURES = 64;


/** @param seed 32 bytes; stays the caller's to wipe */
export function privateKeyFrom(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([PKCS8, seed]);
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } finally {
    der.fill(0);
  }
}

/** Raw 32 bytes, from the private or the public half. */
export function publicKeyOf(key: KeyObject): Buffer {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return Buffer.from(half.export({ format: 'der', type: 'spki' }).subarray(SPKI.length));
}

export function verifierKey(kind: SignatureKind, name: string, publicKey: Uint8Array): VerifierKey {
  const bytes = Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), Buffer.of(TYPE[kind]), publicKey]);
  return { name, kind, publicKey: Buffer.from(publicKey), id: hash('sha256', bytes, 'buffer').subarray(0, ID_BYTES) };
}

/** `name+id+key`: id in hexadecimal, key in base64 with its type before it. */
export function printVerifierKey({ kind, name, publicKey, id }: VerifierKey): string {
  return `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(TYPE[kind]), publicKey]).toString('base64')}`;
}

/** @throws LockfastError `invalid-key` */
export function parseVerifierKey(text: string): VerifierKey {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/u.exec(text) ?? [];
  const bytes = encoded === undefined ? undefined : exactBase64(encoded);
  const kind = (Object.keys(TYPE) as SignatureKind[]).find((each) => TYPE[each] === bytes?.[0]);
  if (name === undefined || !isKeyName(name) || bytes?.length !== 1 + KEY_BYTES || kind === undefined) {
    throw new LockfastError('invalid-key', 'this is no verifier key for Ed25519', 'copy it whole: NAME+8 hexadecimal digits+44 characters');
  }
  const key = verifierKey(kind, name, bytes.subarray(1));
  if (key.id.toString('hex') !== id) throw new LockfastError('invalid-key', 'the verifier key was not copied right: its name and its id are not of this key', 'copy it again, whole');
  return key;
}

/** The whole note. @param text ends in a newline and holds no other control characters @throws LockfastError `invalid-name` */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  const { id } = verifierKey('signature', ownName(name), publicKeyOf(privateKey));
  return `${text}\n${signatureLine(name, [id, sign(null, Buffer.from(text, 'utf8'), privateKey)])}`;
}

/**
 * The line that a witness adds to a note: it saw this, and nothing larger of this log, at that time.
 *
 * @param seconds since 1970
 * @throws LockfastError `malformed` when it is no note; `invalid-name`
 */
export function cosign(note: string, name: string, privateKey: KeyObject, seconds: number): string {
  const { id } = verifierKey('cosignature', ownName(name), publicKeyOf(privateKey));
  const time = Buffer.alloc(TIME_BYTES);
  time.writeBigUInt64BE(BigInt(seconds));
  return signatureLine(name, [id, time, sign(null, cosignedBytes(parseNote(note).text, BigInt(seconds)), privateKey)]);
}

/**
 * The signatures that one of `keys` made, in the order of the note. Those of other keys are nobody's, and ignored.
 *
 * @throws LockfastError `malformed` when it is no note; `ledger-tampered` when a signature says it is by one of `keys`,
 *   and is not
 */
export function verifyNote(note: string, keys: readonly VerifierKey[]): readonly VerifiedSignature[] {
  const { text, signatures } = parseNote(note);
  return signatures.flatMap((signature) => {
    const key = keys.find(({ name, id }) => name === signature.name && id.equals(signature.id));
    return key === undefined ? [] : [verified(text, signature, key)];
  });
}

/** The text that is signed, whoever signed it. @throws LockfastError `malformed` */
export function noteText(note: string): string {
  return parseNote(note).text;
}

function verified(text: string, { bytes }: NoteSignature, key: VerifierKey): VerifiedSignature {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key.publicKey]), format: 'der', type: 'spki' });
  if (key.kind === 'signature') {
    if (bytes.length !== SIGNATURE_BYTES || !verify(null, Buffer.from(text, 'utf8'), publicKey, bytes)) throw forged();
    return { key };
  }
  if (bytes.length !== TIME_BYTES + SIGNATURE_BYTES) throw forged();
  const time = bytes.readBigUInt64BE(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER) || !verify(null, cosignedBytes(text, time), publicKey, bytes.subarray(TIME_BYTES))) throw forged();
  return { key, time: Number(time) };
}

function cosignedBytes(text: string, seconds: bigint): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, 'utf8');
}

/** Strict: two different texts are never one note. */
function parseNote(note: string): Note {
  // The text may have empty lines itself: the last one is where it ends.
  const end = note.lastIndexOf('\n\n');
  if (end <= 0 || note.length > MOST_NOTE_BYTES || !note.endsWith('\n') || !note.isWellFormed() || hasControls(note)) throw notANote();
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > MOST_SIGNATURES) throw notANote();
  return { text: note.slice(0, end + 1), signatures: lines.map(parseLine) };
}

function parseLine(line: string): NoteSignature {
  const [, name, encoded] = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line) ?? [];
  const bytes = encoded === undefined ? undefined : exactBase64(encoded);
  if (name === undefined || !isKeyName(name) || bytes === undefined || bytes.length <= ID_BYTES) throw notANote();
  return { name, id: bytes.subarray(0, ID_BYTES), bytes: bytes.subarray(ID_BYTES) };
}

function signatureLine(name: string, parts: readonly Buffer[]): string {
  return `\u2014 ${name} ${Buffer.concat(parts).toString('base64')}\n`;
}

function hasControls(note: string): boolean {
  for (let i = 0; i < note.length; i++) {
    const unit = note.charCodeAt(i);
    if (unit < 0x20 && unit !== 0x0a) return true;
  }
  return false;
}

function ownName(name: string): string {
  if (!isKeyName(name)) throw new LockfastError('invalid-name', 'the name of a signing key has a space, a plus or a control character, or is empty', 'choose one such as example.com/1');
  return name;
}

function notANote(): LockfastError {
  return new LockfastError('malformed', 'this is no signed note', 'see docs/formats/ledger.md for the form');
}

function forged(): LockfastError {
  return new LockfastError('ledger-tampered', 'a signature is not by the key that it names', 'find out who changed it; take the note from another copy');
}
