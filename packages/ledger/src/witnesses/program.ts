/** Another program, run for a bounded time: never through a shell, never found in the working directory. */
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { searchedDirectories } from '@lockfast/core/files';

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProgramRun {
  /** An absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly input: string;
}

export interface ProgramEnd {
  /** Null when a signal ended it. */
  readonly status: number | null;
  readonly stdout: Buffer;
  /** Whether it was stopped because it took too long, or said too much. */
  readonly stopped: 'time' | 'output' | undefined;
}

/** Enough for everything that we read of a program: hashes, and one checkpoint. */
const MOST_OUTPUT_BYTES = 256 * 1024;

/**
 * The absolute path of a program.
 *
 * @throws LockfastError `tool-missing`
 */
export function findProgram(name: string, searchPath: string | undefined): string {
  const candidates = name.startsWith('/') ? [name] : name.includes('/') ? [] : searchedDirectories(searchPath).map((part) => `${part}/${name}`);
  const found = candidates.find(isProgram);
  if (found === undefined) throw new LockfastError('tool-missing', `${/^[\w./+-]{1,80}$/.test(name) ? name : 'the program'} is not there, or can not be run`, 'install it, or give its absolute path');
  return found;
}

/**
 * Runs it in a process group of its own, and ends all of the group when the time is up: git leaves the waiting to ssh.
 *
 * @throws LockfastError `tool-failed` when it can't be started
 */
export async function runProgram({ program, args, environment, input }: ProgramRun, patienceMs: number): Promise<ProgramEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramEnd>();
  // Its words go nowhere: they may hold a URL with a password.
  const child = spawn(program, args, { cwd: '/', env: environment, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let stopped: ProgramEnd['stopped'];
  const stop = (why: NonNullable<ProgramEnd['stopped']>): void => {
    stopped ??= why;
    endGroup(child.pid);
    // What left the group may hold the pipe open; we have seen enough.
    child.stdout.destroy();
  };
  const timer = setTimeout(() => stop('time'), patienceMs);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_OUTPUT_BYTES) stop('output');
    else chunks.push(chunk);
  });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(input);
  child.on('error', (error) => reject(new LockfastError('tool-failed', `${program} was not started`, 'see that it can be run by this user', error)));
  child.on('close', (status) => resolve({ status, stdout: Buffer.concat(chunks), stopped }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
