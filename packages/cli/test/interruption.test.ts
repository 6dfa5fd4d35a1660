import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../src/column/interruption.ts', import.meta.url));

/** A program that takes its time after the first signal. */
const SLOW = `
import { Interruption } from ${JSON.stringify(MODULE)};
const interruption = new Interruption(() => console.log('told'));
setTimeout(() => process.exit(interruption.status), Number(process.argv[1]));
console.log('ready');
`;

async function interrupted(signals: readonly NodeJS.Signals[], patience: number): Promise<unknown> {
  const child = spawn(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '-e', SLOW, String(patience)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (const [i, signal] of signals.entries()) {
    while (!said.includes(i === 0 ? 'ready' : 'told')) await once(child.stdout, 'data');
    child.kill(signal);
  }
  const [status, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  return { status, signal, said: said.trim().split('\n') };
}

test('the first signal is told, and ends nothing; the exit status says which it was', async () => {
  expect(await interrupted(['SIGINT'], 1500)).toEqual({ status: 130, signal: null, said: ['ready', 'told'] });
  expect(await interrupted(['SIGTERM'], 1500)).toEqual({ status: 143, signal: null, said: ['ready', 'told'] });
});

test('a second signal ends the process at once', async () => {
  expect(await interrupted(['SIGINT', 'SIGINT'], 60_000)).toEqual({ status: null, signal: 'SIGINT', said: ['ready', 'told'] });
  expect(await interrupted(['SIGINT', 'SIGTERM'], 60_000)).toEqual({ status: null, signal: 'SIGTERM', said: ['ready', 'told'] });
});
