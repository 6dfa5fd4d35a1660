import { closeSync, constants, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';

import { shownPath } from './shown-path.ts';
import { systemCode, systemFailure } from './system-failure.ts';

/**
 * A directory that its owner alone may enter, with the missing ones above it. Not Node's recursive mkdir: for a full disk
 * or a read-only file system it answers that the directory does not exist, and below /proc it never returns.
 *
 * @returns the highest directory that is new, or undefined when all were there
 */
export function makeDirectory(path: string): string | undefined {
  let highest: string | undefined;
  try {
    mkdirSync(path, 0o700);
    return path;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST') return undefined;
    const above = dirname(path);
    if (code !== 'ENOENT' || above === path) throw error;
    highest = makeDirectory(above);
  }
  // Another process may have been faster; an entry that leads nowhere is found when it is opened.
  try {
    mkdirSync(path, 0o700);
    return highest ?? path;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return highest;
    throw error;
  }
}

/**
 * The same, and durable: a file that is synced in a directory whose own name is not would be gone after a power cut.
 *
 * @throws LockfastError `permission-denied`, `not-found`, `write-failed`
 */
export function ensureDirectory(path: string): string | undefined {
  try {
    const highest = makeDirectory(path);
    if (highest === undefined) return undefined;
    let made = path;
    for (; made !== highest; made = dirname(made)) syncNamesIn(dirname(made));
    syncNamesIn(dirname(made));
    return highest;
  } catch (error) {
    throw systemFailure(error, `the directory ${shownPath(path)} was not made`, 'write-failed');
  }
}

/** Where the directory above can't be read or synced, what is made is as durable as the file system makes it. */
function syncNamesIn(directory: string): void {
  let fd: number;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return;
  }
  try {
    fsyncSync(fd);
  } catch (error) {
    if (['EIO', 'ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '')) throw error;
  } finally {
    closeSync(fd);
  }
}
