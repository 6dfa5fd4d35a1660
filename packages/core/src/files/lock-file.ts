import { createHash } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, realpathSync } from 'node:fs';

import { giveDirectoryToOwnerOf, giveToOwnerOf } from './file-owner.ts';
import { makeDirectory } from './make-directory.ts';
import { shownPath } from './shown-path.ts';
import { splitTarget } from './synced-directory.ts';
import { systemCode, systemFailure } from './system-failure.ts';

/**
 * The lock file of the directory that `path` is in, created when it is missing. It has no content and is never removed:
 * removing a lock file lets two processes hold locks on two files of one name.
 *
 * It stands in the state directory and not beside the target, so that no tenant's directory holds more than its env file.
 * The name is made from the real path, so that every way to write a path leads to one lock. Two bind mounts of one
 * directory have two real paths, and so two locks.
 *
 * @throws LockfastError `not-a-file` when the path names a directory; `not-found` when the target's directory is missing;
 *   `permission-denied` or `write-failed` when the state directory can't be used
 */
export function prepareLockFile(stateDirectory: string, path: string): string {
  const directory = realDirectory(splitTarget(path).directory);
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 32);
  try {
    const locks = `${stateDirectory}/locks`;
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    // Looked at first, here and below: almost always both are there, and a refused call costs more than all the rest.
    if (!existsSync(locks) && makeDirectory(locks) !== undefined) giveDirectoryToOwnerOf(stateDirectory, locks);
    // The real path also here: a lock that this process holds is found again by it.
    const file = `${realpathSync.native(locks)}/${name}.db`;
    if (existsSync(file)) return file;
    try {
      // O_EXCL is what makes this safe: POSIX drops a process's locks on a file when it closes any descriptor of it,
      // so a lock file that exists must not be opened by anyone but SQLite.
      const fd = openSync(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      try {
        giveToOwnerOf(stateDirectory, fd, file);
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    return file;
  } catch (error) {
    throw systemFailure(error, `no lock can be made in the state directory ${shownPath(stateDirectory)}`, 'write-failed');
  }
}

/** `native`: the one in JavaScript takes `..` away from the text before it follows the links. */
function realDirectory(directory: string): string {
  try {
    return realpathSync.native(directory);
  } catch (error) {
    throw systemFailure(error, `the directory ${shownPath(directory)} can not be locked`, 'write-failed');
  }
}
