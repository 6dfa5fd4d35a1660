import { execFileSync } from 'node:child_process';

import { LockfastError } from '@lockfast/core/errors';
import { searchPath } from '@lockfast/core/files';
import type { GitPlace } from '@lockfast/guard';

/** A repository's own configuration may name programs to run; none of them is needed to read from it. */
const HARMLESS = ['-c', 'core.fsmonitor=false', '-c', 'core.hooksPath=/dev/null'];

/** What git reads of an environment. The rest stays with us: it may hold a root key. */
const GIT_VARIABLES = /^(?:PATH|HOME|XDG_CONFIG_HOME|TMPDIR|LANG|LC_[A-Z]+|GIT_[A-Z_0-9]+)$/;

/** What `git` prints. It may do more than the guard's, which reads repositories that nobody trusts: merge drivers are set, and attributes of the user's count. @throws LockfastError `tool-missing`, `not-found` */
export function git({ directory, environment }: GitPlace, args: readonly string[]): Buffer {
  const env = Object.fromEntries(Object.entries(environment).filter(([name]) => GIT_VARIABLES.test(name)));
  env['PATH'] = searchPath(env['PATH']);
  try {
    return execFileSync('git', [...HARMLESS, ...args], { cwd: directory, env, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 256 * 2 ** 20 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new LockfastError('tool-missing', 'git is not installed', 'install git, or name a file with --against');
    throw new LockfastError('not-found', 'git does not know that revision or file here', 'check the revision with `git log`, and that the file is committed');
  }
}

/** The root of the work tree that holds the place, if there is one. */
export function workTree(place: GitPlace): string | undefined {
  try {
    return git(place, ['rev-parse', '--show-toplevel']).toString('utf8').replace(/\n$/, '');
  } catch {
    return undefined;
  }
}
