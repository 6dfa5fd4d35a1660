/**
 * Which file a command name means: what `execvp` would find, said before it is tried.
 *
 * The search goes through the PATH that the *child* will have, not through ours. A file that is there but can't be run
 * (a directory, no execute permission, a file system mounted noexec) is passed over in favour of a later one; when none
 * is left, it is what the error speaks of. That keeps 127 (there is no such command) and 126 (there is, but) apart.
 */
import { accessSync, constants, statSync, type Stats } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

/** Where `execvp` looks in an environment without PATH (`confstr(_CS_PATH)`). */
const DEFAULT_PATH = '/bin:/usr/bin';

/**
 * @param command as the user wrote it; with a `/` in it, it is a path and is not searched for
 * @param searchPath the child's PATH
 * @returns a path with a `/` in it, so that nothing searches a second time
 * @throws LockfastError `command-not-found` (127), `command-not-executable` (126)
 */
export function findCommand(command: string, searchPath: string | undefined): string {
  if (command.includes('/')) {
    const obstacle = obstacleTo(command);
    if (obstacle === undefined) return command;
    throw obstacle;
  }
  if (command === '') throw new LockfastError('command-not-found', 'the command is an empty text', 'name a program after --');
  let inTheWay: LockfastError | undefined;
  for (const directory of (searchPath ?? DEFAULT_PATH).split(':')) {
    // POSIX: an empty element is the working directory
    const candidate = `${directory === '' ? '.' : directory}/${command}`;
    const obstacle = obstacleTo(candidate);
    if (obstacle === undefined) return candidate;
    // what is no directory holds no commands, and a directory closed to us may hold one
    if (obstacle.code === 'command-not-executable') inTheWay ??= obstacle;
  }
  if (inTheWay !== undefined) throw inTheWay;
  const place = searchPath === undefined ? `${DEFAULT_PATH}, which is searched when PATH is not set` : 'PATH';
  throw new LockfastError('command-not-found', `${shown(command)} was not found in ${place}`, 'check the spelling, or give its path');
}

/** A path or command between quotes, so that spaces, line breaks and terminal escapes in it are seen and do no harm. */
export function shown(word: string): string {
  return JSON.stringify(word).replaceAll(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Why the file can't be run, as far as its name, type and permissions tell. */
function obstacleTo(path: string): LockfastError | undefined {
  let stats: Stats | undefined;
  try {
    stats = statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return new LockfastError('command-not-executable', `${shown(path)} can't be reached (${codeOf(error)})`, 'check the permissions of its directories', error);
  }
  if (stats === undefined) return new LockfastError('command-not-found', `there is no file ${shown(path)}`, 'check the spelling and the working directory');
  if (stats.isDirectory()) return new LockfastError('command-not-executable', `${shown(path)} is a directory`, 'name a program in it');
  if (!stats.isFile()) return new LockfastError('command-not-executable', `${shown(path)} is no regular file`, 'name a program');
  try {
    accessSync(path, constants.X_OK);
  } catch (error) {
    const nobody = (stats.mode & 0o111) === 0;
    const hint = nobody ? 'run: chmod +x, if it is a program' : 'this user may not run it, or its file system is mounted noexec';
    return new LockfastError('command-not-executable', `${shown(path)} is not executable`, hint, error);
  }
  return undefined;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
