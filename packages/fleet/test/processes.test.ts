import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, onTestFinished, test } from 'vitest';

import { heldValues, processesOf } from '@lockfast/fleet';

async function processWith(env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn('/bin/sh', ['-c', 'echo up; exec sleep 60'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid!;
}

test('[B13] a process with another value, or none and an earlier start, holds an older one; values are not in the answer', async () => {
  const pids = [await processWith({ KEY: 'new-canary', KEYS: 'x' }), await processWith({ A: 'b', KEY: 'old-canary' }), await processWith({ NOKEY: 'new-canary' })];
  const past = heldValues({ name: 'KEY', value: 'new-canary', written: Date.now() - 3_600_000 }, [...pids, 4_000_000]);
  expect(past.map(({ pid, value, older }) => [pid, value, older])).toEqual([[pids[0], 'present', false], [pids[1], 'other', true], [pids[2], 'absent', false]]);
  for (const { started } of past) expect(Math.abs(Date.now() - started)).toBeLessThan(30_000);
  const future = heldValues({ name: 'KEY', value: 'new-canary', written: Date.now() + 3_600_000 }, pids);
  expect(future.map(({ older }) => older)).toEqual([false, true, true]);
  expect(JSON.stringify(past)).not.toContain('canary');
});

test('no main process, no processes', () => {
  expect(processesOf(0)).toEqual([]);
});
