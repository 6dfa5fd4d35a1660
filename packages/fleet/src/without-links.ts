/**
 * Opens what lies in a directory that somebody else may write in. Root must not be led elsewhere: a link in the place of a
 * file, or of a directory on the way to it, would hand over whatever it points to. So each part of the path is opened from
 * the one before it, and none may be a link.
 */
import { type BigIntStats, closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, readSync } from 'node:fs';
import { isAbsolute, relative } from 'node:path';

import { isEncryptedFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath, systemFailure } from '@lockfast/core/files';

/** A file or directory, and one above it that is not the tenant's to replace. Absolute. */
export interface Placed {
  readonly path: string;
  readonly below: string;
}

/** Permission bits to set. */
export interface NewMode extends Placed {
  readonly mode: number;
}

export interface NewOwner extends Placed {
  readonly uid: number;
  readonly gid: number;
}

/** @throws LockfastError `not-a-file` for a link, or what is neither file nor directory; `conflict` for a file with a second name; `permission-denied` */
export function setMode({ mode, ...place }: NewMode): void {
  opened(place, 'its mode was not changed', (fd) => fchmodSync(fd, mode));
}

/**
 * Of a file only where it is an encrypted env file: whoever may put files into the directory must not be given others.
 *
 * @throws LockfastError as {@link setMode}
 */
export function setOwner({ uid, gid, ...place }: NewOwner): void {
  opened(place, 'its owner was not changed', (fd, stats) => {
    if (Number(stats.uid) === uid && Number(stats.gid) === gid) return;
    if (stats.isFile() && !beginsEncrypted(fd)) {
      throw new LockfastError('not-encrypted', `${shownPath(place.path)} is no encrypted env file: its owner was not changed`, 'look at what it is, and give it to its owner by hand');
    }
    fchownSync(fd, uid, gid);
  });
}

/** Whether each part of the path is a directory of its own, and none a link. */
export function isReachedWithoutLinks({ path, below }: Placed): boolean {
  try {
    closeSync(openBelow({ path, below }));
    return true;
  } catch {
    return false;
  }
}

function opened(place: Placed, otherwise: string, action: (fd: number, stats: BigIntStats) => void): void {
  const where = shownPath(place.path);
  let fd: number;
  try {
    fd = openBelow(place);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ELOOP' || code === 'ENOTDIR') throw new LockfastError('not-a-file', `${where} is a symbolic link, or is reached through one: ${otherwise}`, 'find out who made it, and remove it', error);
    throw systemFailure(error, `${where}: ${otherwise}`, 'write-failed');
  }
  try {
    const stats = fstatSync(fd, { bigint: true });
    if (!stats.isFile() && !stats.isDirectory()) throw new LockfastError('not-a-file', `${where} is no regular file: ${otherwise}`, 'find out who made it, and remove it');
    if (stats.isFile() && stats.nlink > 1n) {
      throw new LockfastError('conflict', `${where} has another name (a hard link): ${otherwise}`, 'find it with `find / -samefile`, and remove the one that should not be');
    }
    action(fd, stats);
  } catch (error) {
    throw systemFailure(error, `${where}: ${otherwise}`, 'write-failed');
  } finally {
    closeSync(fd);
  }
}

/** O_NONBLOCK: a FIFO that was planted would wait for a writer for ever. */
function openBelow({ path, below }: Placed): number {
  const inside = relative(below, path);
  if (inside.startsWith('..') || isAbsolute(inside)) throw new LockfastError('internal', 'a path outside of its place', 'report this');
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  let fd = openSync(below, O_RDONLY | O_DIRECTORY);
  const names = inside.split('/').filter((name) => name !== '');
  for (const [i, name] of names.entries()) {
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (i < names.length - 1 ? O_DIRECTORY : 0);
    try {
      const next = openSync(`/proc/self/fd/${fd}/${name}`, flags);
      closeSync(fd);
      fd = next;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
  return fd;
}

function beginsEncrypted(fd: number): boolean {
  const head = Buffer.alloc(64);
  return isEncryptedFile(head.subarray(0, readSync(fd, head, 0, head.length, 0)));
}
