import { spawn } from 'node:child_process';

import { LockfastError } from '@lockfast/core/errors';
import { SYSTEM_PATH } from '@lockfast/core/files';

import { PATIENCE_MS } from './channel.ts';

/** What a program of the machine needs. Nothing else: this process's environment may hold a root key. */
const VARIABLES = ['HOME', 'LANG', 'LC_ALL', 'TZ', 'XDG_RUNTIME_DIR'];

/** Runs a program with something on its standard input. @throws LockfastError `tool-missing`, `tool-failed` */
export async function runProgram(name: string, [program, ...args]: readonly string[], input: string, environment: Readonly<Record<string, string | undefined>>, patienceMs: number = PATIENCE_MS): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const env = { ...Object.fromEntries(VARIABLES.flatMap((variable) => (environment[variable] === undefined ? [] : [[variable, environment[variable]]]))), PATH: SYSTEM_PATH };
  // A group of its own: what it started ends with it.
  const child = spawn(program!, args, { env, cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  const timer = setTimeout(() => resolve('did not end in time'), patienceMs);
  child.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'was not started'));
  child.on('exit', (status) => resolve(status === 0 ? undefined : `ended with ${status ?? 'a signal'}`));
  // One that ends without reading it all is judged by its status.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const failure = await promise;
  clearTimeout(timer);
  if (failure === undefined) return;
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
  if (failure === 'ENOENT') throw new LockfastError('tool-missing', `the program of the channel ${name} is not installed`, 'install it, or correct the channel; it is tried again');
  throw new LockfastError('tool-failed', `the program of the channel ${name} failed: it ${failure}`, 'run it by hand to see why; it is tried again');
}
