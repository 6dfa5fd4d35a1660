/** A project of twenty variables, encrypted by each contender, in a directory of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LOCKFAST = fileURLToPath(new URL('../packages/cli/bin/lockfast.js', import.meta.url));
const DOTENVX = fileURLToPath(new URL('../node_modules/@dotenvx/dotenvx/src/cli/dotenvx.js', import.meta.url));

/** One command, as a service manager would start it. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
}

export interface Fixture {
  readonly environment: NodeJS.ProcessEnv;
  readonly lockfast: Command;
  /** With a ledger in SQLite, as `init` configures it. */
  readonly lockfastRecorded: Command;
  readonly bareNode: Command;
  readonly dotenvx: Command | undefined;
  readonly age: Command | undefined;
  remove(): void;
}

export function newFixture(): Fixture {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const environment = { PATH: '/usr/bin:/bin', HOME: join(root, 'home') };
  const plaintext = twentyVariables();
  const directory = (name: string): string => {
    mkdirSync(join(root, name), { recursive: true });
    return join(root, name);
  };
  const run = (cwd: string, file: string, ...args: string[]): void => {
    execFileSync(file, args, { cwd, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  directory('home');

  const encryptWithLockfast = (cwd: string, configure: (made: string) => string): void => {
    writeFileSync(join(cwd, '.env'), plaintext);
    // The root key lies in the home directory: a `file:` source, as `init` makes it.
    run(cwd, process.execPath, LOCKFAST, 'init');
    const configuration = join(cwd, 'lockfast.toml');
    writeFileSync(configuration, configure(readFileSync(configuration, 'utf8')));
    run(cwd, process.execPath, LOCKFAST, 'env', 'encrypt');
  };
  const ours = directory('lockfast');
  encryptWithLockfast(ours, (made) => made.replace(/^ledger = .*\n/m, ''));
  const recorded = directory('lockfast-recorded');
  encryptWithLockfast(recorded, (made) => made);

  const theirs = directory('dotenvx');
  if (existsSync(DOTENVX)) {
    writeFileSync(join(theirs, '.env'), plaintext);
    run(theirs, process.execPath, DOTENVX, 'encrypt');
  }
  const hasAge = spawnSync('age', ['--version'], { env: environment }).status === 0;
  const aged = directory('age');
  if (hasAge) encryptWithAge(aged, plaintext, run);

  return {
    environment,
    lockfast: { file: process.execPath, args: [LOCKFAST, 'run', '--', 'true'], cwd: ours },
    lockfastRecorded: { file: process.execPath, args: [LOCKFAST, 'run', '--', 'true'], cwd: recorded },
    bareNode: { file: process.execPath, args: ['-e', '0'], cwd: ours },
    dotenvx: existsSync(DOTENVX) ? { file: process.execPath, args: [DOTENVX, 'run', '--', 'true'], cwd: theirs } : undefined,
    age: hasAge ? { file: 'age', args: ['-d', '-i', 'key.txt', '.env.age'], cwd: aged } : undefined,
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function encryptWithAge(cwd: string, plaintext: string, run: (cwd: string, file: string, ...args: string[]) => void): void {
  writeFileSync(join(cwd, '.env'), plaintext);
  run(cwd, 'age-keygen', '-o', 'key.txt');
  const recipient = /age1[a-z0-9]+/.exec(readFileSync(join(cwd, 'key.txt'), 'latin1'))![0];
  run(cwd, 'age', '-r', recipient, '-o', '.env.age', '.env');
}

function twentyVariables(): string {
  return Array.from({ length: 20 }, (_, i) => `SERVICE_${i + 1}_TOKEN=${randomBytes(24).toString('hex')}\n`).join('');
}
