/** Many tenants with one encrypted env file each, for each contender in a directory of its own. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { encryptEnvFile, splitEntries } from '@lockfast/core/env';
import { withFileLock } from '@lockfast/core/files';
import { openKeyRing } from '@lockfast/keys';

import { hasPythonCryptography, PYTHON } from './python-peer.ts';

const LOCKFAST = fileURLToPath(new URL('../packages/cli/bin/lockfast.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare-rewrite.mjs', import.meta.url));
const PYTHON_ROTATION = fileURLToPath(new URL('python_rotation.py', import.meta.url));
const VARIABLES = 20;

/** One process, which rotates all files once. */
export interface Rotation {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

export interface RotationFixture {
  readonly environment: NodeJS.ProcessEnv;
  readonly lockfast: Rotation;
  readonly bare: Rotation;
  readonly python: Rotation | undefined;
  /** Takes away what Lockfast kept of the files as they were. */
  removeBackups(): void;
  remove(): void;
}

/** Many tenants to look at. */
export interface LookFixture {
  readonly environment: NodeJS.ProcessEnv;
  readonly directory: string;
  /** How the command is called, without its words. */
  readonly lockfast: readonly [program: string, script: string];
  remove(): void;
}

/** Nothing is wrong with them. Each has a file of its own: bytes that are shared would be cached once. */
export async function newLookFixture(tenants: number): Promise<LookFixture> {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const [home, directory] = ['home', 'lockfast'].map((name) => join(root, name)) as [string, string];
  for (const path of [home, directory]) mkdirSync(path);
  const environment = { PATH: '/usr/bin:/bin', HOME: home };
  initialise(directory, environment);
  await encryptFor(tenants, directory, home, environment, false);
  execFileSync('sync');
  return { environment, directory, lockfast: [process.execPath, LOCKFAST], remove: () => rmSync(root, { recursive: true, force: true }) };
}

export async function newRotationFixture(files: number): Promise<RotationFixture> {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const [home, ours, bare, theirs] = ['home', 'lockfast', 'bare', 'python'].map((name) => join(root, name)) as [string, string, string, string];
  for (const directory of [home, ours, bare, theirs]) mkdirSync(directory);
  const environment = { PATH: '/usr/bin:/bin', HOME: home };
  initialise(ours, environment);
  await encryptFor(files, ours, home, environment, true);
  cpSync(join(ours, 't'), join(bare, 't'), { recursive: true });
  const hasPython = hasPythonCryptography();
  if (hasPython) execFileSync(PYTHON, [PYTHON_ROTATION, 'make', theirs, String(files)], { stdio: ['ignore', 'ignore', 'pipe'] });
  // All of it is on the disk before the first fsync that is measured.
  execFileSync('sync');
  return {
    environment,
    lockfast: { file: process.execPath, args: [LOCKFAST, 'key', 'rotate', '--yes'], cwd: ours },
    bare: { file: process.execPath, args: [BARE, bare], cwd: bare },
    python: hasPython ? { file: PYTHON, args: [PYTHON_ROTATION, 'rotate', theirs], cwd: theirs } : undefined,
    removeBackups: () => rmSync(join(ours, '.lockfast/backups'), { recursive: true, force: true }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function initialise(directory: string, environment: NodeJS.ProcessEnv): void {
  execFileSync(process.execPath, [LOCKFAST, 'init'], { cwd: directory, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  appendFileSync(join(directory, 'lockfast.toml'), '\n[tenants]\npath = "t/{tenant}"\n');
}

/**
 * As `env encrypt` leaves them, but at once and without waiting for the disk.
 *
 * @param locked whether its locks are there, too, for what will take them
 */
async function encryptFor(tenants: number, directory: string, home: string, environment: NodeJS.ProcessEnv, locked: boolean): Promise<void> {
  const [, source] = /^key-source = "(.*?)"/m.exec(readFileSync(join(directory, 'lockfast.toml'), 'utf8'))!;
  const ring = await openKeyRing({ path: join(directory, '.lockfast/keyring.json'), sources: [source!] }, { environment, home, directory, askPassphrase: () => Promise.reject(new Error('the key of a new ring lies in a file')) });
  const lines = Array.from({ length: VARIABLES }, (_, i) => `SERVICE_${i + 1}_TOKEN=${randomBytes(24).toString('hex')}\n`);
  const entries = splitEntries(Buffer.from(lines.join('')));
  for (let i = 0; i < tenants; i++) {
    const path = join(directory, 't', `t${i}`, '.env.encrypted');
    mkdirSync(join(directory, 't', `t${i}`), { recursive: true, mode: 0o700 });
    const write = (): void => writeFileSync(path, encryptEnvFile({ entries }, { ring, tenant: `t${i}` }), { mode: 0o400 });
    if (locked) await withFileLock(join(home, '.local/state/lockfast'), path, write);
    else write();
  }
}
