/** Many encrypted env files changed at once: a window of them waits for the disk together, and each is on its own. */
import { createHash } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { type OpenedFile, placeAll, readRegularFile, type Staged, stage, withFileLock } from '../files/index.ts';
import { shownPath } from '../files/shown-path.ts';
import type { KeyRing } from '../keyring/key-ring.ts';
import type { Entry } from './document.ts';
import { encryptEnvFile, type OpenedEnvFile, openEnvFile } from './env-cipher.ts';
import { ENCRYPTED_MODE, MOST_FILE_BYTES, proven, type WriteScope } from './env-file.ts';

/** An encrypted env file, and whose it is. */
export interface FileOfTenant {
  readonly path: string;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
}

/** How many files wait for the disk together. Each of them has its lock meanwhile, and three descriptors. */
const WINDOW = 16;

/** Another one holds the lock, or descriptors are short; it was changed meanwhile, or is another name of one of the others. */
const ONCE_MORE: ReadonlySet<string> = new Set(['busy', 'conflict']);

/**
 * Brings files under the ring's active key, and their tenant's own secret if the ring has one: every line new, the
 * plaintext the same, proven before the file is replaced. One that is under them already stays as it is. Sixteen at a time
 * wait for the disk together; one that can't be done takes nothing from the others.
 *
 * No lock is waited for while another one is held: a file that somebody is at is done at the end, alone.
 *
 * @param keep called under the lock before a file is replaced, with its path: where a copy is kept
 * @returns for each file why it stayed as it was, undefined where it did not: as `openEnvFile`, `encryptEnvFile`, `busy`,
 *   `conflict`, `write-failed`, and what `keep` throws
 */
export async function reencryptFiles(files: readonly FileOfTenant[], { ring, stateDirectory }: Pick<WriteScope, 'ring' | 'stateDirectory'>, keep: (path: string) => void): Promise<readonly unknown[]> {
  return inWindows(files, stateDirectory, (file) => {
    keep(file.path);
    return stageReencrypted(file, ring);
  });
}

/** What a change makes of a file: encrypted, proven, and not written yet. */
export interface PreparedUpdate {
  readonly path: string;
  readonly bytes: Buffer;
  /** SHA-256 of the encrypted file that it was made from. */
  readonly from: Buffer;
  /** Under which it was made. */
  readonly ring: KeyRing;
}

/**
 * Makes what {@link updateEnvFiles} would write, as long as the file stays as it is. Nothing is written, and no plaintext
 * is held on to.
 *
 * @param change gets the present entries
 * @throws LockfastError as `readRegularFile`, `openEnvFile`, `encryptEnvFile`, and what `change` throws
 */
export function prepareUpdate({ path, tenant }: FileOfTenant, ring: KeyRing, change: (entries: readonly Entry[]) => readonly Entry[]): PreparedUpdate {
  return preparedFrom(readRegularFile(path, 'refuse', MOST_FILE_BYTES), { path, tenant }, ring, change);
}

/** What came of one file. */
export interface Update {
  /** Why it stayed as it was; undefined where it did not. */
  readonly failure: unknown;
  /** SHA-256 of the encrypted file as it is now, which was proven to open; undefined where it failed. */
  readonly sha256: Buffer | undefined;
}

/**
 * Changes the entries of files, each as `updateEnvFile` does, in windows as {@link reencryptFiles}: what is about to take a
 * file's place is proven first.
 *
 * @param change gets a file's present entries
 * @param prepared by path: what was made of a file is written as it is where the file is what it was made from
 * @param keep as that of {@link reencryptFiles}
 * @returns for each file; failures as `openEnvFile`, `encryptEnvFile`, `busy`, `conflict`, `write-failed`, and what
 *   `change` and `keep` throw
 */
export async function updateEnvFiles<F extends FileOfTenant>(
  files: readonly F[],
  { ring, stateDirectory }: Pick<WriteScope, 'ring' | 'stateDirectory'>,
  change: (file: F, entries: readonly Entry[]) => readonly Entry[],
  prepared: ReadonlyMap<string, PreparedUpdate>,
  keep: (path: string) => void,
): Promise<readonly Update[]> {
  const digests = new Map<F, Buffer>();
  const failures = await inWindows(files, stateDirectory, (file) => {
    const { path } = file;
    keep(path);
    // The bytes are compared, not the file's identity: to keep a second name for it changes its ctime.
    const present = readRegularFile(path, 'refuse', MOST_FILE_BYTES);
    const ready = prepared.get(path);
    const { bytes } = ready?.ring === ring && ready.from.equals(sha256(present.bytes)) ? ready : preparedFrom(present, file, ring, (entries) => change(file, entries));
    digests.set(file, sha256(bytes));
    // A mode that git or a copy has changed is put right even where the bytes stay.
    if (bytes.equals(present.bytes) && present.mode === ENCRYPTED_MODE) return undefined;
    return stageEncrypted(path, bytes, present);
  });
  return files.map((file, i) => ({ failure: failures[i], sha256: failures[i] === undefined ? digests.get(file) : undefined }));
}

/** @param stageOne begins to replace a file, under its lock; undefined where it stays as it is */
async function inWindows<F extends FileOfTenant>(files: readonly F[], stateDirectory: string, stageOne: (file: F) => Staged | undefined): Promise<readonly unknown[]> {
  const failures = new Map<F, unknown>();
  for (let from = 0; from < files.length; from += WINDOW) await underLocks(files.slice(from, from + WINDOW), stateDirectory, stageOne, failures, 0);
  for (const file of files) {
    const failure = failures.get(file);
    if (!(failure instanceof LockfastError) || !ONCE_MORE.has(failure.code)) continue;
    failures.delete(file);
    await underLocks([file], stateDirectory, stageOne, failures, undefined);
  }
  return files.map((file) => failures.get(file));
}

async function underLocks<F extends FileOfTenant>(files: readonly F[], stateDirectory: string, stageOne: (file: F) => Staged | undefined, failures: Map<F, unknown>, waitMs: number | undefined): Promise<void> {
  const locked: F[] = [];
  const lockFrom = async (index: number): Promise<void> => {
    const file = files[index];
    if (file === undefined) return replaceLocked(locked, stageOne, failures);
    let held = false;
    try {
      await withFileLock(
        stateDirectory,
        file.path,
        () => {
          held = true;
          locked.push(file);
          return lockFrom(index + 1);
        },
        waitMs,
      );
    } catch (error) {
      if (held) throw error;
      failures.set(file, error);
      await lockFrom(index + 1);
    }
  };
  await lockFrom(0);
}

async function replaceLocked<F extends FileOfTenant>(files: readonly F[], stageOne: (file: F) => Staged | undefined, failures: Map<F, unknown>): Promise<void> {
  const begun: { readonly file: F; readonly staged: Staged }[] = [];
  for (const file of files) {
    try {
      const staged = stageOne(file);
      if (staged !== undefined) begun.push({ file, staged });
    } catch (error) {
      failures.set(file, error);
    }
  }
  const results = await placeAll(begun.map(({ staged }) => staged));
  begun.forEach(({ file }, i) => {
    if (results[i] !== undefined) failures.set(file, results[i]);
  });
}

/** @returns undefined where the file is under the active key */
function stageReencrypted({ path, tenant }: FileOfTenant, ring: KeyRing): Staged | undefined {
  const where = shownPath(path);
  const scope = { ring, tenant };
  const file = readRegularFile(path, 'refuse', MOST_FILE_BYTES);
  const opened = openEnvFile(file.bytes, scope, where);
  try {
    if (opened.header.key === ring.active().id && opened.header.tenantSecret === (ring.tenantSecretId(tenant) ?? null)) return undefined;
    const encrypted = encryptEnvFile({ entries: opened.entries, previous: opened, renewed: true }, scope);
    const written = proven(encrypted, where, scope);
    refuseUnlessSame(written.entries, opened.entries, where);
    wipe(written.entries);
    return stageEncrypted(path, encrypted, file);
  } finally {
    wipe(opened.entries);
  }
}

function preparedFrom({ bytes: present }: OpenedFile, { path, tenant }: FileOfTenant, ring: KeyRing, change: (entries: readonly Entry[]) => readonly Entry[]): PreparedUpdate {
  const where = shownPath(path);
  const scope = { ring, tenant };
  const previous: OpenedEnvFile = openEnvFile(present, scope, where);
  try {
    const entries = change(previous.entries);
    const bytes = encryptEnvFile({ entries, previous }, scope);
    refuseUnlessSame(proven(bytes, where, scope, previous).entries, entries, where);
    return { path, bytes, from: sha256(present), ring };
  } finally {
    wipe(previous.entries);
  }
}

function stageEncrypted(path: string, bytes: Buffer, { identity, uid, gid }: OpenedFile): Staged {
  return stage({ path, bytes, mode: ENCRYPTED_MODE, expected: identity, owner: { uid, gid } });
}

function refuseUnlessSame(written: readonly Entry[], wanted: readonly Entry[], where: string): void {
  if (written.length === wanted.length && written.every(({ bytes }, i) => bytes.equals(wanted[i]!.bytes))) return;
  throw new LockfastError('write-failed', `${where} was not written: what was to take its place does not give the plaintext back`, 'check the memory of this machine, then run it again');
}

function wipe(entries: readonly Entry[]): void {
  for (const { bytes } of entries) bytes.fill(0);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
