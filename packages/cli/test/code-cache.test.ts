/** bin/lockfast.js and the code caches, above all that of `run`: the right one is used, and any other is as good as none. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { encryptedProject, LOCKFAST } from './support/project.ts';

const PACKAGE = join(dirname(LOCKFAST), '..');

/** Says on standard error what became of the cache of the bundle, and with LATE set of each late part. */
const WITNESS = `
const vm = require('node:vm');
const { Script } = vm;
vm.Script = function (source, options) {
  const script = new Script(source, options);
  const [, part] = /\\/dist\\/run(-[a-z]+)?/.exec(options.filename) ?? [];
  const outcome = options.cachedData === undefined ? 'none' : script.cachedDataRejected ? 'rejected' : 'used';
  if (/\\/dist\\/(?:run|lockfast)\\.cjs$/.test(options.filename)) process.stderr.write('cache ' + outcome + '\\n');
  else if (part !== undefined && process.env.LATE !== undefined) process.stderr.write('late ' + outcome + '\\n');
  return script;
};
`;

/** The built command in a directory of its own. */
class Installed {
  readonly #base = mkdtempSync(join(tmpdir(), 'lockfast-cache-'));
  readonly cache = join(this.#base, 'dist/run.cache');
  readonly bundle = join(this.#base, 'dist/run.cjs');

  constructor() {
    onTestFinished(() => rmSync(this.#base, { recursive: true, force: true }));
    for (const part of ['package.json', 'bin', 'dist']) cpSync(join(PACKAGE, part), join(this.#base, part), { recursive: true });
    writeFileSync(join(this.#base, 'witness.cjs'), WITNESS);
  }

  lateCaches(): string[] {
    const dist = dirname(this.cache);
    return readdirSync(dist).filter((name) => /^run-.*\.cache$/.test(name)).map((name) => join(dist, name));
  }

  run(args: readonly string[], around: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): string[] {
    return this.command(['run', ...args], around);
  }

  command(args: readonly string[], around: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): string[] {
    const { stdout, stderr } = spawnSync(process.execPath, ['--require', join(this.#base, 'witness.cjs'), join(this.#base, 'bin/lockfast.js'), ...args], { encoding: 'utf8', ...around });
    return [stdout, stderr];
  }
}

function sealed(source: Uint8Array, code: Uint8Array, node = process.version): Buffer {
  return Buffer.concat([createHash('sha256').update(`${node} ${process.arch}\n`).update(source).update(code).digest(), code]);
}

test('the build makes one, V8 takes it, and run gives the program its values', async () => {
  const project = await encryptedProject('GREETING=hello\n');
  const installed = new Installed();
  expect(installed.run(['--', 'sh', '-c', 'printf %s "$GREETING"'], { cwd: project.directory, env: project.env })).toEqual(['hello', 'cache used\n']);
});

test.each<[what: string, alter: (cache: Buffer, bundle: Buffer) => Uint8Array, outcome: string]>([
  ['has one other bit in its code', (cache) => cache.with(cache.length >> 1, cache[cache.length >> 1]! ^ 1), 'none'],
  ['has one other bit in its digest', (cache) => cache.with(0, cache[0]! ^ 1), 'none'],
  ['is cut short', (cache) => cache.subarray(0, -1), 'none'],
  ['is empty', () => Buffer.alloc(0), 'none'],
  ['was made by another Node', (cache, bundle) => sealed(bundle, cache.subarray(32), 'v24.0.1'), 'none'],
  ['is what V8 does not know', (_, bundle) => sealed(bundle, Buffer.alloc(4096, 7)), 'rejected'],
  ['is what another V8 made', (cache, bundle) => sealed(bundle, cache.subarray(32).with(4, cache[36]! ^ 1)), 'rejected'],
])('a cache that %s is left alone', (_, alter, outcome) => {
  const installed = new Installed();
  const [help] = installed.run(['--help']);
  writeFileSync(installed.cache, alter(readFileSync(installed.cache), readFileSync(installed.bundle)));
  expect(help).toMatch(/^lockfast run: /);
  expect(installed.run(['--help'])).toEqual([help, `cache ${outcome}\n`]);
});

test('the parts of a ledger have caches of their own, and run as well with damaged ones or without', async () => {
  const project = await encryptedProject('GREETING=hello\n');
  const database = `sqlite:${join(project.base, 'ledger.db')}`;
  const installed = new Installed();
  const outcomes = (): string[] => {
    const [stdout, stderr] = installed.run(['--', 'sh', '-c', 'printf %s "$GREETING"'], { cwd: project.directory, env: { ...project.env, LOCKFAST_LEDGER: database, LATE: '' } });
    expect(stdout).toBe('hello');
    return [...new Set(stderr!.split('\n').filter((line) => line.startsWith('late ')))];
  };
  // Makes the ledger and signs it, which most runs do not.
  outcomes();
  expect(outcomes()).toEqual(['late used']);
  for (const file of installed.lateCaches()) {
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1));
  }
  expect(outcomes()).toEqual(['late none']);
  for (const file of installed.lateCaches()) rmSync(file);
  expect(outcomes()).toEqual(['late none']);
});

test('another bundle of the same length is what runs, and not the cache of the first', () => {
  const installed = new Installed();
  const [help] = installed.run(['--help']);
  const other = readFileSync(installed.bundle, 'utf8').replaceAll('nowhere on disk', 'NOWHERE ON DISK');
  writeFileSync(installed.bundle, other);
  expect(installed.run(['--help'])).toEqual([help!.replaceAll('nowhere on disk', 'NOWHERE ON DISK'), 'cache none\n']);
  expect(help).toContain('nowhere on disk');
});

test('without a cache it runs, and makes none', () => {
  const installed = new Installed();
  rmSync(installed.cache);
  expect(installed.run(['--help'])).toEqual([expect.stringMatching(/^lockfast run: /), 'cache none\n']);
  expect(existsSync(installed.cache)).toBe(false);
});

test('the other commands have one, too, and answer the same without it', () => {
  const installed = new Installed();
  const [help, used] = installed.command(['--help']);
  expect(used).toBe('cache used\n');
  rmSync(join(dirname(installed.cache), 'lockfast.cache'));
  expect(installed.command(['--help'])).toEqual([help, 'cache none\n']);
});
