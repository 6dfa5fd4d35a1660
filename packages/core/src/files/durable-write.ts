import { closeSync, fchmodSync, fsyncSync, linkSync, renameSync, unlinkSync, writeSync } from 'node:fs';

import { LockfastError } from '../errors.ts';
import { alreadyExists, type Expected, refuseUnlessExpected } from './expected-target.ts';
import { type FileOwner, giveTo } from './file-owner.ts';
import { shownPath } from './shown-path.ts';
import { inSyncedDirectory } from './synced-directory.ts';
import { systemCode, systemFailure } from './system-failure.ts';
import { createTempFile, discardTempFile, newTempName } from './temp-file.ts';

/** One file to write. */
export interface DurableWrite {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** The permission bits that the file will have, whatever the umask is. */
  readonly mode: number;
  /** Whose it will be; without it, it is this process's. */
  readonly owner?: FileOwner | undefined;
  readonly expected: Expected;
}

/** How a file is to stand there. */
type FileLook = Pick<DurableWrite, 'path' | 'mode' | 'owner'>;

/** What file systems without hard links answer to `link`: FAT and FUSE ones, SELinux policies, a file at its link limit. */
const LINK_IS_NOT_POSSIBLE: ReadonlySet<string | undefined> = new Set(['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

/**
 * Puts a file in place whole: at every moment, and after a power cut, the name has the old bytes or the new ones.
 *
 * The bytes go into a temporary file beside the target that nobody else can read (0600 from its first moment, so there
 * is no window between creating and protecting), are synced, and take the name in one step. Call it under
 * `withFileLock` of the same path: the comparison with `expected` excludes other programs up to the moment before the
 * rename, the lock excludes other Lockfasts entirely, and a sweep under the lock takes the temporary files of whoever
 * writes without it. Other hard links of the target keep the old bytes. ACLs and extended attributes are not carried over.
 *
 * @throws LockfastError
 *   `exists` when `absent` was expected, `conflict` when it is not what was read, `not-a-file` when the target is a link
 *   or no regular file; `not-found` when the directory is missing;
 *   `permission-denied` when the directory may not be written or the owner, or a group that the mode lets in, can't be kept; `write-failed` for a full or
 *   failing disk, a read-only file system, a quota. Then the target is untouched and the temporary file removed, but for
 *   two that say otherwise: "was written, but", after the new bytes took the name.
 */
export function writeDurably(write: DurableWrite): void {
  const { path, expected } = write;
  inSyncedDirectory(path, `${shownPath(path)} was written`, (directory, name) => {
    refuseUnlessExpected(path, expected);
    const temp = `${directory}/${newTempName(name)}`;
    const fd = createTempFile(temp, path);
    try {
      fill(fd, write);
      refuseUnlessExpected(path, expected);
      if (expected === 'absent') takeFreeName(temp, path);
      else takeName(temp, path);
    } catch (error) {
      discardTempFile(temp);
      throw systemFailure(error, `${shownPath(path)} was not written`, 'write-failed');
    }
  });
}

/** Makes the temporary file what the target shall be, down to the disk, and closes it. */
function fill(fd: number, write: DurableWrite): void {
  let closed = false;
  try {
    writeWhole(fd, write.bytes);
    closed = true;
    settle(fd, write);
  } finally {
    if (!closed) closeSync(fd);
  }
}

/** What follows the last byte. Closes the file, whatever happens. @throws LockfastError `permission-denied`, Error of the system */
export function settle(fd: number, look: FileLook): void {
  let closed = false;
  try {
    giveLook(fd, look);
    fsyncSync(fd);
    closed = true;
    closeSync(fd); // may report a write error of its own (NFS), so it counts
  } finally {
    if (!closed) closeSync(fd);
  }
}

/** Bytes, owner and mode, not synced. */
export function writeInto(fd: number, write: DurableWrite): void {
  writeWhole(fd, write.bytes);
  giveLook(fd, write);
}

/** A disk that is nearly full, or a limit, takes a part; the next call then says why. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
}

/** The owner first: changing it clears bits of the mode, and the new owner must not wait for a narrower one. */
function giveLook(fd: number, { path, mode, owner }: FileLook): void {
  if (owner !== undefined) give(fd, owner, path, mode);
  fchmodSync(fd, mode & 0o7777);
}

function give(fd: number, owner: FileOwner, path: string, mode: number): void {
  try {
    giveTo(owner, fd);
  } catch (error) {
    if (systemCode(error) !== 'EPERM') throw error;
    // A file of one's own may have a group that one is not in, as in a directory that gives it its group. Where the group gets nothing, it need not be kept.
    if (owner.uid === process.geteuid?.() && (mode & 0o070) === 0) return;
    throw new LockfastError(
      'permission-denied',
      `${shownPath(path)} was not written: it belongs to user ${owner.uid} and group ${owner.gid}, and this process may not keep it so`,
      'run it as that user, or as root',
      error,
    );
  }
}

/**
 * `rename` would overwrite whatever took the name since the comparison; `link` fails instead. Killed between `link` and
 * `unlink`, the target is whole and the temporary name is a second one for it, until the next run sweeps it.
 */
export function takeFreeName(temp: string, path: string): void {
  try {
    linkSync(temp, path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') throw alreadyExists(path);
    if (code === 'ENOENT') throw removedMeanwhile(path, error);
    if (!LINK_IS_NOT_POSSIBLE.has(code)) throw error;
    // The name was free a moment ago. Here only the lock keeps it so, and a program without it could lose its new file.
    takeName(temp, path);
    return;
  }
  try {
    unlinkSync(temp);
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} was written, but its temporary name ${shownPath(temp)} may be left`, 'write-failed');
  }
}

export function takeName(temp: string, path: string): void {
  try {
    renameSync(temp, path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw removedMeanwhile(path, error);
  }
}

function removedMeanwhile(path: string, error: unknown): LockfastError {
  return new LockfastError('conflict', `${shownPath(path)} was not written: its directory or its temporary file was removed meanwhile`, 'run it again', error);
}
