/** Hands on what a key operation has just signed, in a process of its own: the operation is done, and waits for nobody for long. */
import { spawn } from 'node:child_process';

import type { KeyRing } from '@lockfast/core/keyring';

import type { Configuration } from '../configuration.ts';
import { secretVariables } from '../secret-variables.ts';
import type { Session } from '../session.ts';
import type { WitnessState } from './witnesses.ts';

/** For all witnesses together. */
const PATIENCE_MS = 5000;
const BY_HAND = 'run `lockfast ledger witness push` when it can be reached';

/**
 * Every failure is a warning. A disk that does not answer holds up whatever looks at it, so another process does; one that
 * takes too long is left to go on, since each witness has an end of its own, and a late one still has it.
 */
export async function pushSigned(configuration: Configuration, ring: KeyRing, { environment, terminal, directory }: Session): Promise<void> {
  const warn = (what: string): void => terminal.warn(`${what}: ${BY_HAND}`);
  const answer = await answerOf(configuration.file, withoutRootKeys(environment, configuration, ring), directory);
  if (answer === undefined) return warn(`not every witness has the new checkpoint after ${PATIENCE_MS / 1000} s, and it goes on without this command`);
  const states = statesIn(answer);
  if (states === undefined) return warn('the witnesses did not get the new checkpoint');
  for (const { witness, error } of states) {
    if (error !== undefined) warn(`not witnessed: ${error.message.includes(witness) ? '' : `${witness}: `}${error.message}`);
  }
}

/** Undefined when it takes too long. */
async function answerOf(configuration: string, env: Record<string, string | undefined>, cwd: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const words = ['ledger', 'witness', 'push', '--signed', '--json', '--config', configuration];
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  child.on('error', () => resolve(''));
  child.on('close', () => resolve(text));
  const timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.stdout.destroy();
    child.unref();
  }
}

/** It opens the ledger, and no key ring. */
function withoutRootKeys(environment: Session['environment'], configuration: Configuration, { sources }: KeyRing): Record<string, string | undefined> {
  const names = new Set(secretVariables(configuration, sources.map(({ source }) => source)));
  for (const ledger of ['LOCKFAST_LEDGER', configuration.ledgerVariable]) if (ledger !== undefined) names.delete(ledger);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !names.has(name)));
}

function statesIn(answer: string): readonly WitnessState[] | undefined {
  try {
    const { witnesses } = JSON.parse(answer) as { witnesses?: readonly WitnessState[] };
    return witnesses;
  } catch {
    return undefined;
  }
}
