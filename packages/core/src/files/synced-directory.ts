import { closeSync, constants, fsyncSync, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

import { LockfastError } from '../errors.ts';
import { shownPath } from './shown-path.ts';
import { systemCode, systemFailure } from './system-failure.ts';

/** What file systems that know no fsync of a directory answer (some of FUSE, CIFS, 9p): there is nothing more to be done there. */
const DIRECTORIES_DO_NOT_SYNC: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Runs an action on the entries of the directory that `path` is in, and makes it durable.
 *
 * The directory is opened before: its descriptor keeps the inode in the kernel's memory, so that a write error which
 * happens in between is still reported by the fsync and not forgotten with the inode. Opening it also fails early,
 * before anything is changed, where the directory can not be read.
 *
 * A failed fsync is never tried again: the kernel may have marked the pages clean, and a second one would report success.
 *
 * @param done what the action did, for the message when only its durability failed: `/srv/a/.env was replaced`
 * @throws LockfastError `not-a-file` when the path names a directory by its form (`a/`, `..`); `not-found`,
 *   `permission-denied` when the directory can't be opened; `write-failed` when it can't be synced; and what `action` throws
 */
export function inSyncedDirectory(path: string, done: string, action: (directory: string, name: string) => void): void {
  const { directory, name } = splitTarget(path);
  const fd = openDirectory(directory);
  try {
    action(directory, name);
    try {
      fsyncSync(fd);
    } catch (error) {
      refuseUnsynced(error, done);
    }
  } finally {
    closeSync(fd);
  }
}

/** What the fsync of a directory threw, as `inSyncedDirectory` throws it; nothing where there is no such thing. */
export function refuseUnsynced(error: unknown, done: string): void {
  if (DIRECTORIES_DO_NOT_SYNC.has(systemCode(error))) return;
  throw systemFailure(error, `${done}, but its directory was not synced, so a power cut may undo it`, 'write-failed');
}

/**
 * The directory and the name in it. The two are put together again with a slash and never normalised: `link/../x` is
 * not `x` when `link` is a symbolic link.
 *
 * @throws LockfastError `not-a-file` when the path can only name a directory
 */
export function splitTarget(path: string): { readonly directory: string; readonly name: string } {
  const name = basename(path);
  if (name === '' || name === '.' || name === '..' || path.endsWith('/')) {
    throw new LockfastError('not-a-file', `${shownPath(path)} names a directory`, 'name a file in it');
  }
  return { directory: dirname(path), name };
}

export function openDirectory(directory: string): number {
  try {
    return openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw systemFailure(error, `the directory ${shownPath(directory)} can not be opened`, 'write-failed');
  }
}
