import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from 'node:fs';

import { shownPath } from './shown-path.ts';
import { systemFailure } from './system-failure.ts';

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Whose the file or directory is. @throws LockfastError `not-found`, `permission-denied`, `read-failed` */
export function ownerOf(path: string): FileOwner {
  try {
    const { uid, gid } = statSync(path);
    return { uid, gid };
  } catch (error) {
    throw systemFailure(error, `the owner of ${shownPath(path)} can not be told`, 'read-failed');
  }
}

/**
 * Whose something new in `directory` shall be: what `sudo lockfast` makes in a user's project must not shut that user out.
 *
 * @returns undefined when it is not root that makes it: then it is this process's
 * @throws LockfastError as {@link ownerOf}
 */
export function ownerForNewIn(directory: string): FileOwner | undefined {
  return process.geteuid?.() === 0 ? ownerOf(directory) : undefined;
}

/**
 * Gives what was made under `directory`, and is open as `fd`, to that directory's owner, where root made it.
 *
 * @param path of what is given, for messages
 * @throws LockfastError `permission-denied`, `not-found`, `write-failed`
 */
export function giveToOwnerOf(directory: string, fd: number, path: string): void {
  const owner = ownerForNewIn(directory);
  if (owner === undefined) return;
  try {
    giveTo(owner, fd);
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} was not given to the owner of ${shownPath(directory)}`, 'write-failed');
  }
}

/** The same for a directory, which is not open. @throws LockfastError `permission-denied`, `not-found`, `write-failed` */
export function giveDirectoryToOwnerOf(directory: string, made: string): void {
  let fd: number;
  try {
    fd = openSync(made, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    throw systemFailure(error, `the directory ${shownPath(made)} can not be opened`, 'write-failed');
  }
  try {
    giveToOwnerOf(directory, fd, made);
  } finally {
    closeSync(fd);
  }
}

/** File systems without owners refuse even to leave it as it is, so they are not asked. @throws Error of the system */
export function giveTo({ uid, gid }: FileOwner, fd: number): void {
  const present = fstatSync(fd);
  if (present.uid !== uid || present.gid !== gid) fchownSync(fd, uid, gid);
}
