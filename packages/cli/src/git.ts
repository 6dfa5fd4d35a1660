import { execFileSync } from 'node:child_process';

import { LockfastError } from '@lockfast/core/errors';

/** A repository's own configuration may name programs to run; none of them is needed to read from it. */
const HARMLESS = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];

/** What `git` prints. @throws LockfastError `tool-missing`, `not-found` */
export function git(directory: string, args: readonly string[]): Buffer {
  try {
    return execFileSync('git', [...HARMLESS, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 256 * 2 ** 20 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new LockfastError('tool-missing', 'git is not installed', 'install git, or name a file with --against');
    throw new LockfastError('not-found', 'git does not know that revision or file here', 'check the revision with `git log`, and that the file is committed');
  }
}

/** The root of the work tree that holds `directory`, if there is one. */
export function workTree(directory: string): string | undefined {
  try {
    return git(directory, ['rev-parse', '--show-toplevel']).toString('utf8').replace(/\n$/, '');
  } catch {
    return undefined;
  }
}
