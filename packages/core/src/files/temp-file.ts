import { randomBytes } from 'node:crypto';
import { constants, lstatSync, openSync, readdirSync, unlinkSync } from 'node:fs';

import { shownPath } from './shown-path.ts';
import { splitTarget } from './synced-directory.ts';
import { systemCode, systemFailure } from './system-failure.ts';

/**
 * The name of a temporary file says whose it is, so that a later run can remove what a killed one left: it may hold a
 * plaintext. 64 random bits keep anyone from planting the name in advance; O_EXCL would refuse it even then.
 */
const RANDOM_BYTES = 8;
const RANDOM = /^[0-9a-f]{16}$/;
const END = '.tmp';

/** A new name for a temporary file beside the file `name`. */
export function newTempName(name: string): string {
  return `${start(name)}${randomBytes(RANDOM_BYTES).toString('hex')}${END}`;
}

/** O_EXCL and O_NOFOLLOW: never into anything planted there. What this did not create, nothing here removes. @throws LockfastError */
export function createTempFile(temp: string, path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  try {
    return openSync(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  } catch (error) {
    throw systemFailure(error, `no temporary file can be made beside ${shownPath(path)}`, 'write-failed');
  }
}

/** The error that led here is the one to report; what stays is swept by the next run under the lock. */
export function discardTempFile(temp: string): void {
  try {
    unlinkSync(temp);
  } catch {}
}

/**
 * Removes the temporary files of this target that killed runs left. Only under the lock: without it, one of them may
 * belong to a run that is about to rename it.
 *
 * Takes regular files of exactly that name, and of this user unless this is root: in a directory like `/tmp` anyone
 * can plant such a name, and one that can't be removed must not stop the work.
 *
 * @throws LockfastError `not-a-file` when the path names a directory; `not-found`, `permission-denied` or `write-failed`
 *   when the directory can't be listed or a file of ours can't be removed
 */
export function sweepTempFiles(path: string): void {
  const { directory, name } = splitTarget(path);
  const user = process.geteuid?.();
  for (const entry of list(directory)) {
    if (!isTempNameOf(name, entry)) continue;
    const left = `${directory}/${entry}`;
    try {
      const stats = lstatSync(left, { throwIfNoEntry: false });
      if (stats?.isFile() === true && (user === 0 || stats.uid === user)) unlinkSync(left);
    } catch (error) {
      if (systemCode(error) === 'ENOENT') continue;
      throw systemFailure(error, `${shownPath(left)}, left by a killed run, was not removed`, 'write-failed');
    }
  }
}

function isTempNameOf(name: string, candidate: string): boolean {
  const before = start(name);
  return candidate.startsWith(before) && candidate.endsWith(END) && RANDOM.test(candidate.slice(before.length, -END.length));
}

function start(name: string): string {
  return `.${name}.lockfast-`;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw systemFailure(error, `the directory ${shownPath(directory)} can not be listed`, 'write-failed');
  }
}
