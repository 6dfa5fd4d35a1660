/** A process of its own for the tests that need several, or another user: `node --conditions=lockfast-source child.ts < JOB`. */
import { text } from 'node:stream/consumers';

import { encryptFile, readPlaintextFile, setVariable, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { KeyRing } from '@lockfast/core/keyring';

import { rootKeySource } from './rings.ts';

interface Job {
  readonly what: 'encrypt' | 'set';
  readonly target: string;
  readonly plain: string;
  readonly stateDirectory: string;
  readonly ring: string;
  readonly rootKey: string;
  /** Run as this user. */
  readonly user?: number;
  /** The beginning of the names that are set. */
  readonly name?: string;
}

const job = JSON.parse(await text(process.stdin)) as Job;
const ring = await KeyRing.open(job.ring, 'the ring', [rootKeySource(job.rootKey)]);
const scope = { ring, tenant: '', stateDirectory: job.stateDirectory };

// After the imports: the other user may not be able to read them. The lock imports one more when it is needed.
await import('node:sqlite');
if (job.user !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(job.user);
  process.setuid?.(job.user);
}

try {
  if (job.what === 'encrypt') await encryptFile(readPlaintextFile(job.plain), job.target, scope);
  else for (let i = 0; i < 6; i++) await updateEnvFile(job.target, scope, (entries) => setVariable(entries, `${job.name}_${i}`, String(i), 'node'));
  process.stdout.write(JSON.stringify('done'));
} catch (error) {
  if (!(error instanceof LockfastError)) throw error;
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }));
}
