/**
 * Git, asked for objects alone. The repository is not trusted: its configuration may name programs to run, its
 * replacements and grafts hide what is there. Only plumbing is called; no filter, textconv or external diff is part of it.
 */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

import { LockfastError } from '@lockfast/core/errors';
import { searchPath } from '@lockfast/core/files';

/** Where git is asked, and in which environment. */
export interface GitPlace {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** `core.hooksPath`, fsmonitor, pagers and their like name programs; a lazy fetch of a partial clone would run ssh. */
const HARMLESS = [
  '--no-pager', '--no-replace-objects', '--no-optional-locks',
  ...['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'core.untrackedCache=false', 'core.alternateRefsCommand=true', 'core.sshCommand=false', 'core.askPass=true', 'core.excludesFile=/dev/null', 'core.attributesFile=/dev/null', 'core.quotePath=false', 'protocol.allow=never', 'diff.external=', 'credential.helper=']
    .flatMap((setting) => ['-c', setting]),
];

/** What git itself sets for a hook, and what it needs to start: a commit of named files has an index of its own. */
const VARIABLES = /^(?:PATH|HOME|XDG_CONFIG_HOME|TMPDIR|LANG|LC_[A-Z]+|GIT_(?:DIR|COMMON_DIR|WORK_TREE|INDEX_FILE|PREFIX|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|QUARANTINE_PATH|NAMESPACE|CEILING_DIRECTORIES|CONFIG_NOSYSTEM))$/;

const MOST_OUTPUT = 2 ** 30;

/** @returns what it prints; undefined when it ends with a status above `most`. @throws LockfastError `tool-missing` */
export function tryGit(place: GitPlace, args: readonly string[], input: string | Uint8Array = '', most = 0): Buffer | undefined {
  const { stdout, status, error } = spawnSync('git', [...HARMLESS, ...args], { cwd: place.directory, env: environmentOf(place), input, stdio: ['pipe', 'pipe', 'ignore'], maxBuffer: MOST_OUTPUT });
  if (error !== undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') throw gitMissing(error);
  return status !== null && status <= most ? stdout : undefined;
}

/** @throws LockfastError `tool-missing`, `tool-failed` */
export function askGit(place: GitPlace, args: readonly string[], input: string | Uint8Array = ''): Buffer {
  const output = tryGit(place, args, input);
  if (output === undefined) throw new LockfastError('tool-failed', `git ${args[0]!} failed`, 'see what git says: run `git status` and `git fsck` there');
  return output;
}

/** One line of what git prints. */
export function gitLine(place: GitPlace, args: readonly string[]): string | undefined {
  return tryGit(place, args)?.toString('utf8').replace(/\n$/, '');
}

/** What git prints with `-z`, cut at its NULs. */
export function gitList(place: GitPlace, args: readonly string[], input: string | Uint8Array = ''): string[] {
  const parts = askGit(place, args, input).toString('utf8').split('\0');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

/** @throws LockfastError `tool-missing` when it is spawned without git */
export function startGit(place: GitPlace, args: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  return spawn('git', [...HARMLESS, ...args], { cwd: place.directory, env: environmentOf(place), stdio: ['pipe', 'pipe', 'ignore'] });
}

export function gitMissing(cause: unknown): LockfastError {
  return new LockfastError('tool-missing', 'git is not installed', 'install git', cause);
}

/** What a setting of git is without our own harmless one; undefined where it is not set. */
export function gitSetting(place: GitPlace, name: string): string | undefined {
  for (const scope of ['--worktree', '--local', '--global', '--system']) {
    const value = gitLine(place, ['config', scope, '--get', name]);
    if (value !== undefined) return value;
  }
  return undefined;
}

function environmentOf({ environment }: GitPlace): Record<string, string | undefined> {
  const kept = Object.fromEntries(Object.entries(environment).filter(([name]) => VARIABLES.test(name)));
  return { ...kept, PATH: searchPath(kept['PATH']), GIT_NO_LAZY_FETCH: '1', GIT_TERMINAL_PROMPT: '0', GIT_NO_REPLACE_OBJECTS: '1', GIT_GRAFT_FILE: '/dev/null', LC_ALL: 'C' };
}
