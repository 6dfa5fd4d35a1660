/** Whole files: `.env` to `.env.encrypted` and back, so that at every moment one of the two is whole. */
import { audited } from '../audited.ts';
import { LockfastError } from '../errors.ts';
import { type Expected, type FileIdentity, type FileOwner, identityOf, type OpenedFile, readFileStart, readRegularFile, removeDurably, withFileLock, writeDurably } from '../files/index.ts';
import { shownPath } from '../files/shown-path.ts';
import type { Derivation } from '../formats/derivation.ts';
import type { AuditEvent, AuditSink } from '../ports.ts';
import { type Entry, splitEntries } from './document.ts';
import { encryptEnvFile, type EnvScope, type OpenedEnvFile, openEnvFile, plaintextOf } from './env-cipher.ts';
import { beginsEncrypted, type FileHeader, isEncryptedFile, parseStart, parseSummedHeader } from './encrypted-file.ts';

/** An encrypted file: only its owner reads it, and nobody writes it but by replacing it. */
export const ENCRYPTED_MODE = 0o400;
const PLAINTEXT_MODE = 0o600;

/** Larger files are no env files: every program would hold them in its environment. */
export const MOST_FILE_BYTES = 64 * 2 ** 20;

export interface WriteScope extends EnvScope {
  /** Where locks live: one directory a machine and user. */
  readonly stateDirectory: string;
  /** Where the functions of this file record what they do. Whoever records for itself leaves it out. */
  readonly audit?: AuditSink | undefined;
}

/** More than any header has: environment and tenant at their longest, each byte of them escaped. */
const MOST_HEADER_BYTES = 4096;
/** Nearly every header is shorter, and a buffer of this size costs nothing. */
const USUAL_HEADER_BYTES = 1024;

/**
 * The header of an encrypted file, without reading the rest. Nobody has vouched for it: it says what to look at closer.
 *
 * @throws LockfastError as `readRegularFile`, `empty-file`, `not-encrypted`, `damaged`, `unsupported-format`, `parameters-out-of-range`
 */
export function readHeader(path: string): FileHeader {
  const where = shownPath(path);
  const start = readFileStart(path, 'follow', USUAL_HEADER_BYTES);
  return parseStart(start.length < USUAL_HEADER_BYTES || start.includes('\n') ? start : readFileStart(path, 'follow', MOST_HEADER_BYTES), where);
}

/**
 * As {@link readHeader}, of a file that is read whole and matches its own checksum: it is not cut, and not damaged by
 * accident. That nobody altered it on purpose only `openEnvFile` proves.
 *
 * @throws LockfastError as {@link readHeader}
 */
export function readSummedHeader(path: string): FileHeader {
  return parseSummedHeader(readRegularFile(path, 'follow', MOST_FILE_BYTES).bytes, shownPath(path));
}

/** As `isEncryptedFile`, of a file: of one that begins as such a file does, nothing more is read. @throws LockfastError as `readRegularFile` */
export function isEncryptedAt(path: string, links: 'follow' | 'refuse'): boolean {
  const start = readFileStart(path, links, USUAL_HEADER_BYTES);
  return beginsEncrypted(start) || isEncryptedFile(start.length < USUAL_HEADER_BYTES ? start : readRegularFile(path, links, MOST_FILE_BYTES).bytes);
}

/** What happened to the lines of an encrypted file. */
export interface Encryption {
  /** Whether the file's bytes changed at all. */
  readonly written: boolean;
  readonly entries: number;
  /** Lines whose ciphertext is that of the previous file. */
  readonly kept: number;
  readonly revision: number;
}

/** Reads and opens an encrypted env file. @throws LockfastError as `readRegularFile` and `openEnvFile` */
export function readEnvFile(path: string, scope: EnvScope, where: string = shownPath(path)): OpenedEnvFile {
  return openEnvFile(readRegularFile(path, 'follow', MOST_FILE_BYTES).bytes, scope, where);
}

export interface PlaintextFile {
  readonly path: string;
  readonly file: OpenedFile;
}

/**
 * Reads a plaintext env file, to encrypt it. A link is refused: removing it would leave what it points to.
 *
 * @throws LockfastError as `readRegularFile`, `empty-file`, `already-encrypted`
 */
export function readPlaintextFile(path: string): PlaintextFile {
  const file = readRegularFile(path, 'refuse', MOST_FILE_BYTES);
  refuseNoPlaintext(file.bytes, shownPath(path));
  return { path, file };
}

/** @throws LockfastError `empty-file`, `already-encrypted` */
export function refuseNoPlaintext(bytes: Uint8Array, where: string): void {
  if (bytes.length === 0) {
    throw new LockfastError('empty-file', `${where} is empty: there is nothing to encrypt`, 'write the variables into it first');
  }
  if (isEncryptedFile(bytes)) {
    throw new LockfastError('already-encrypted', `${where} is an encrypted env file already`, 'name the plaintext file, or decrypt this one with: lockfast env decrypt');
  }
}

/**
 * Writes the encrypted form of `plaintext` to `target`, reads it back and compares it; then, unless `keep`, removes the
 * plaintext. Killed or failing at any point, the plaintext or the encrypted file is whole, and running it again finishes.
 *
 * @param force replace a target that can't be verified; then none of its ciphertext is kept
 * @throws LockfastError as `encryptEnvFile`, `openEnvFile` (of the target), `usage` where the target is the plaintext,
 *   `too-large`, `busy`, `conflict`, `write-failed`
 */
export async function encryptFile(
  plaintext: PlaintextFile,
  target: string,
  scope: WriteScope,
  { keep = false, force = false, derivation }: { readonly keep?: boolean; readonly force?: boolean; readonly derivation?: Derivation } = {},
): Promise<Encryption> {
  return onRecord('encrypt', target, scope, () => {
    const { uid, gid, bytes, identity } = plaintext.file;
    if (!keep) refuseSameFile(plaintext, target);
    const result = replaceEncrypted(target, { uid, gid }, scope, force, derivation, () => splitEntries(bytes));
    // Read back from the disk: the plaintext goes only when what is there gives it back.
    if (!plaintextOf(readEnvFile(target, scope)).equals(bytes)) {
      throw new LockfastError('write-failed', `${shownPath(target)} does not give the plaintext back: the plaintext was left where it is`, 'check the disk, then run this again with --force');
    }
    if (!keep) removeDurably(plaintext.path, identity);
    return result;
  });
}

/**
 * Changes the entries of an encrypted file, or makes it from none. `change` gets the present entries.
 *
 * @param owner whose a new file is; without it, this process's
 * @throws LockfastError as {@link encryptFile}, and what `change` throws
 */
export async function updateEnvFile(target: string, scope: WriteScope, change: (entries: readonly Entry[]) => readonly Entry[], owner?: FileOwner): Promise<Encryption> {
  return onRecord('encrypt', target, scope, () => replaceEncrypted(target, owner, scope, false, undefined, change));
}

/**
 * Writes the plaintext of an encrypted file to `target`, mode 0600.
 *
 * @param force replace what stands there
 * @throws LockfastError as `openEnvFile`, `exists`, `busy`, `write-failed`
 */
export async function decryptFile(source: string, target: string, scope: WriteScope, { force = false }: { readonly force?: boolean } = {}): Promise<OpenedEnvFile> {
  return onRecord('decrypt', target, { ...scope, object: source }, () => {
    const { bytes, uid, gid } = readRegularFile(source, 'follow', MOST_FILE_BYTES);
    const opened = openEnvFile(bytes, scope, shownPath(source));
    const expected = force ? 'anything' : 'absent';
    writeDurably({ path: target, bytes: plaintextOf(opened), mode: PLAINTEXT_MODE, owner: { uid, gid }, expected });
    return opened;
  });
}

/** Writes bytes that are an encrypted file already, and gives it opened. @throws LockfastError as `openEnvFile` if they are none */
export async function replaceFile(target: string, bytes: Buffer, expected: FileIdentity, scope: WriteScope): Promise<OpenedEnvFile> {
  return onRecord('encrypt', target, scope, () => writeEncrypted(target, bytes, scope, expected, undefined));
}

/** Under the lock of what is written, and on record where the scope has a ledger. */
async function onRecord<T>(operation: string, target: string, { audit, stateDirectory, ring, tenant, object = target }: WriteScope & { readonly object?: string }, action: () => T): Promise<T> {
  const event: AuditEvent = { operation, object: shownPath(object), environment: ring.environment, ...(tenant === '' ? {} : { tenant }) };
  return audited(audit, event, () => withFileLock(stateDirectory, target, action));
}

function replaceEncrypted(
  target: string,
  owner: { uid: number; gid: number } | undefined,
  scope: WriteScope,
  force: boolean,
  derivation: Derivation | undefined,
  change: (entries: readonly Entry[]) => readonly Entry[],
): Encryption {
  const present = identityOf(target) === undefined ? undefined : readRegularFile(target, 'refuse', MOST_FILE_BYTES);
  const previous = present === undefined ? undefined : openPrevious(present.bytes, shownPath(target), scope, force);
  const entries = change(previous?.entries ?? []);
  const bytes = encryptEnvFile({ entries, previous, derivation }, scope);
  const written = previous === undefined || !bytes.equals(previous.bytes);
  // A mode that git or a copy has changed is put right even where the bytes stay.
  const inPlace = !written && present?.mode === ENCRYPTED_MODE;
  const { header, lines } = inPlace ? previous : writeEncrypted(target, bytes, scope, present?.identity ?? 'absent', present ?? owner);
  const before = new Set(previous?.lines.map(({ value }) => value));
  return { written, entries: entries.length, kept: lines.filter(({ value }) => before.has(value)).length, revision: header.revision };
}

/** Only what opens, and can be read again, takes the place of a file that did: nobody may have these values elsewhere. */
function writeEncrypted(target: string, bytes: Buffer, scope: WriteScope, expected: Expected, owner: FileOwner | undefined): OpenedEnvFile {
  const opened = proven(bytes, shownPath(target), scope);
  writeDurably({ path: target, bytes, mode: ENCRYPTED_MODE, expected, owner: owner === undefined ? undefined : { uid: owner.uid, gid: owner.gid } });
  return opened;
}

/** What is about to take the place of `previous`, opened. @throws LockfastError `too-large`, and as `openEnvFile` */
export function proven(bytes: Buffer, where: string, scope: EnvScope, previous?: OpenedEnvFile): OpenedEnvFile {
  if (bytes.length > MOST_FILE_BYTES) {
    throw new LockfastError('too-large', `${where} was not written: encrypted it has ${bytes.length} bytes, at most ${MOST_FILE_BYTES} are read`, 'keep large data in a file of its own');
  }
  return openEnvFile(bytes, scope, where, previous);
}

/** Over the plaintext itself there is no moment at which one of the two is proven. */
function refuseSameFile({ path, file }: PlaintextFile, target: string): void {
  const found = identityOf(target);
  if (found?.dev !== file.identity.dev || found.ino !== file.identity.ino) return;
  throw new LockfastError('usage', `${shownPath(target)} is the plaintext file ${shownPath(path)} itself`, 'name another file for the encrypted one');
}

function openPrevious(bytes: Buffer, target: string, scope: WriteScope, force: boolean): OpenedEnvFile | undefined {
  try {
    return openEnvFile(bytes, scope, target);
  } catch (error) {
    if (force && error instanceof LockfastError && error.code !== 'ring-older') return undefined;
    throw error;
  }
}
