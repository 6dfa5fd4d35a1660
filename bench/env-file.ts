/** A whole env file of 2,000 lines, in memory: what the commands do between reading the file and writing it. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { encryptEnvFile, type EnvScope, openEnvFile, plaintextOf, splitEntries } from '@lockfast/core/env';

import { BareGcm } from './bare-gcm.ts';
import { interleave, type Step } from './interleave.ts';
import { newRing } from './ring.ts';
import { type Contender, type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const LINES = 2000;
const UNRECORDED = 3;

const ENCRYPT = 'env file, 2000 lines, encrypt';
const AGAIN = 'env file, one line changed, encrypt';
const DECRYPT = 'env file, 2000 lines, decrypt';
const VERIFY = 'env file, 2000 lines, verify';

const CONTENDERS: readonly Contender[] = ['bare', 'bare + AAD', 'age'];
const JOBS: readonly Job[] = [ENCRYPT, AGAIN, DECRYPT, VERIFY].map((name) => ({ name, unit: 'ms', contenders: CONTENDERS }));

export async function envFile(rounds: number): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  try {
    const lines = Array.from({ length: LINES }, (_, i) => `VARIABLE_${i + 1}=${randomBytes(24).toString('hex')}\n`);
    const scope: EnvScope = { ring: await newRing(), tenant: 'acme' };
    const samples = await interleave([...ourSteps(lines, scope), ...bareSteps(lines), ...ageSteps(lines.join(''), directory)], rounds, UNRECORDED);
    return JOBS.map((job) => rowOf(job, samples));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function ourSteps(lines: readonly string[], scope: EnvScope): Step[] {
  const plaintext = Buffer.from(lines.join(''));
  const changed = Buffer.from(lines.with(LINES / 2, 'CHANGED=1\n').join(''));
  const encrypted = encryptEnvFile({ entries: splitEntries(plaintext) }, scope);
  return [
    step(ENCRYPT, LOCKFAST, () => encryptEnvFile({ entries: splitEntries(plaintext) }, scope)),
    // The file before is opened first: that is how it is known what did not change.
    step(AGAIN, LOCKFAST, () => encryptEnvFile({ entries: splitEntries(changed), previous: openEnvFile(encrypted, scope, 'bench') }, scope)),
    step(DECRYPT, LOCKFAST, () => plaintextOf(openEnvFile(encrypted, scope, 'bench'))),
    step(VERIFY, LOCKFAST, () => openEnvFile(encrypted, scope, 'bench')),
  ];
}

/** As many bare calls as there are lines: no names, no whole-file MAC, nothing of the file's layout. */
function bareSteps(lines: readonly string[]): Step[] {
  const bare = new BareGcm();
  const kinds: [Contender, (i: number) => string | undefined][] = [
    ['bare', () => undefined],
    ['bare + AAD', (i) => `acme\0VARIABLE_${i + 1}`],
  ];
  return kinds.flatMap(([who, place]) => {
    const tokens = lines.map((line, i) => bare.encrypt(line, place(i)));
    const encrypt = (): unknown => lines.map((line, i) => bare.encrypt(line, place(i)));
    const decrypt = (): unknown => tokens.map((token, i) => bare.decrypt(token, place(i)));
    // Bare calls keep nothing: one changed line means all of them again, and to verify is to decrypt.
    return [step(ENCRYPT, who, encrypt), step(AGAIN, who, encrypt), step(DECRYPT, who, decrypt), step(VERIFY, who, decrypt)];
  });
}

/** A process each, on the file as a whole. */
function ageSteps(plaintext: string, cwd: string): Step[] {
  if (spawnSync('age', ['--version']).status !== 0) return [];
  const { stderr } = spawnSync('age-keygen', ['-o', 'key.txt'], { cwd, encoding: 'utf8' });
  const recipient = /age1[a-z0-9]+/.exec(stderr)![0];
  writeFileSync(join(cwd, '.env'), plaintext);
  const age = (...args: string[]) => (): void => {
    const { status, error } = spawnSync('age', args, { cwd, stdio: 'ignore' });
    if (status !== 0) throw error ?? new Error(`age ended with ${status}`);
  };
  const encrypt = age('-r', recipient, '-o', '.env.age', '.env');
  const decrypt = age('-d', '-i', 'key.txt', '-o', '/dev/null', '.env.age');
  encrypt();
  return [step(ENCRYPT, 'age', encrypt), step(AGAIN, 'age', encrypt), step(DECRYPT, 'age', decrypt), step(VERIFY, 'age', decrypt)];
}

function step(job: string, who: string, call: () => unknown): Step {
  return (record) => {
    const start = process.hrtime.bigint();
    call();
    record(job, who, Number(process.hrtime.bigint() - start) / 1e6);
  };
}
