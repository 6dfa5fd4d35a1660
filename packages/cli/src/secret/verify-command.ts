import { spawn } from 'node:child_process';

import { LockfastError } from '@lockfast/core/errors';

const LONGEST_MS = 120_000;

/**
 * Hands a new value to a program on its standard input, which says by its exit status whether it works. What it prints is
 * not shown: it may be the value.
 *
 * @param command for /bin/sh
 * @throws LockfastError `tool-failed` when it does not exit with 0
 */
export async function verifyNewValue(command: string, value: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'ignore', 'ignore'], env: environment, timeout: LONGEST_MS, killSignal: 'SIGKILL' });
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(value);
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  child.on('error', reject);
  child.on('close', (status, signal) => resolve(status === 0 ? undefined : signal === null ? `exit ${status}` : `ended by ${signal}`));
  const problem = await promise;
  if (problem !== undefined) throw new LockfastError('tool-failed', `the verify command does not accept the new value (${problem})`, 'nothing was changed; check the value where it was issued');
}
