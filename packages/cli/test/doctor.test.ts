import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeEach, expect, test } from 'vitest';

import type { Check } from '../src/setup/check.ts';

const LOCKFAST = fileURLToPath(new URL('../bin/lockfast.js', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'lockfast-doctor-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));

let home: string;
let project: string;

beforeEach(() => {
  home = mkdtempSync(join(base, 'home-'));
  project = join(home, 'project');
  mkdirSync(project);
});

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, EDITOR: 'cat', GIT_CONFIG_GLOBAL: '/dev/null', ...more };
}

function lockfast(args: readonly string[], more?: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [LOCKFAST, ...args], { cwd: project, env: environment(more), encoding: 'utf8', input: '' });
}

function git(...args: readonly string[]): void {
  execFileSync('git', args, { cwd: project, env: environment() });
}

/** What doctor finds, by the names of the checks. */
function doctor(more?: NodeJS.ProcessEnv): { status: number | null; ok: boolean; found: Map<string, Check & { ok: boolean }> } {
  const { status, stdout } = lockfast(['doctor', '--json'], more);
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: (Check & { ok: boolean })[] };
  return { status, ok, found: new Map(checks.map((check) => [check.name, check])) };
}

function rootKey(): string {
  const directory = join(home, '.config/lockfast');
  return join(directory, readdirSync(directory)[0]!);
}

test('without a configuration it checks the machine, and says what is missing', () => {
  const { status, ok, found } = doctor();
  expect(found.get('configuration')).toEqual({
    ok: true,
    name: 'configuration',
    state: 'warning',
    detail: 'there is no lockfast.toml here or above',
    hint: 'run `lockfast init` where the project begins; keys and env files were not checked',
  });
  expect([...found.keys()]).toEqual(['node', 'platform', 'state directory', 'memory file system', 'editor', 'core dumps', 'configuration', 'git']);
  expect([status, ok]).toEqual([0, true]);
});

test('after init all is good, but for the backup that was not made', () => {
  lockfast(['init']);
  const { status, found } = doctor();
  expect(status).toBe(0);
  expect(found.get('key ring')?.detail).toMatch(/^opens, generation 1, active key [a-z0-9]{6}$/);
  expect(found.get('recovery backup')?.state).toBe('warning');
  expect(found.get('root key file')).toMatchObject({ state: 'good', detail: rootKey() + ', outside of the work tree' });
  const { stdout } = lockfast(['doctor']);
  expect(stdout).toMatch(/^CHECK +STATE +DETAIL\n/);
  expect(stdout).toMatch(/\n\d+ good, \d+ warnings, 0 failed\n$/);
});

test('a configuration that is wrong is a failure', () => {
  lockfast(['init']);
  writeFileSync(join(project, 'lockfast.toml'), 'environment = 3\n');
  const { status, ok, found } = doctor();
  expect(found.get('configuration')?.detail).toContain('environment is not a name');
  expect([status, ok]).toEqual([1, false]);
});

test('each key source has its own line: one that is meant for elsewhere is a warning while another opens the ring', () => {
  lockfast(['init']);
  const { found: both, status } = doctor({ LOCKFAST_KEY_SOURCE: `env:CI_ROOT_KEY file:${rootKey()} passphrase:` });
  expect(both.get('key source env:CI_ROOT_KEY')).toMatchObject({ state: 'warning', detail: 'CI_ROOT_KEY is not set in the environment' });
  expect(both.get(`key source file:${rootKey()}`)).toMatchObject({ state: 'good', detail: 'opens the key ring' });
  expect(both.get('key source passphrase:')?.state).toBe('warning');
  expect(status).toBe(0);
  const { found: none, status: failed } = doctor({ LOCKFAST_KEY_SOURCE: 'env:CI_ROOT_KEY' });
  expect(none.get('key ring')).toMatchObject({ state: 'failed', detail: 'no configured key source opens it' });
  expect(none.get('key source env:CI_ROOT_KEY')?.state).toBe('failed');
  expect(failed).toBe(1);
});

test('a root key that was pasted where its source belongs is not shown', () => {
  lockfast(['init']);
  const pasted = randomBytes(32).toString('base64url');
  const { stdout } = lockfast(['doctor', '--json'], { LOCKFAST_KEY_SOURCE: pasted });
  expect(stdout).toContain('key source number 1');
  expect(stdout).not.toContain(pasted);
});

test('a root key and a key ring that others can reach', () => {
  lockfast(['init']);
  chmodSync(rootKey(), 0o444);
  chmodSync(join(project, '.lockfast/keyring.json'), 0o666);
  const { status, found } = doctor();
  expect(found.get(`key source file:~${rootKey().slice(home.length)}`)).toMatchObject({ state: 'failed', hint: `run: chmod 0400 ${rootKey()}` });
  expect(found.get('key ring file')).toMatchObject({ state: 'failed' });
  expect(status).toBe(1);
});

test('an editor that is not there is a warning', () => {
  expect(doctor({ EDITOR: 'no-such-editor --wait' }).found.get('editor')).toMatchObject({ state: 'warning', detail: 'the program that EDITOR names was not found' });
  expect(doctor({ EDITOR: '' }).found.get('editor')?.detail).toBe('neither VISUAL nor EDITOR is set');
});

test('in git: the merge driver that this clone lacks, a tracked .env, a root key inside', () => {
  git('init', '--quiet');
  lockfast(['init']);
  expect(doctor().found.get('merge driver')).toMatchObject({ state: 'warning', hint: 'run once in each clone: lockfast env merge --install' });
  lockfast(['env', 'merge', '--install']);
  writeFileSync(join(project, '.env.example'), 'A=\n');
  git('add', '.');
  const clean = doctor();
  expect(clean.found.get('merge driver')?.detail).toBe('registered');
  expect(clean.found.get('plaintext in git')?.detail).toBe('no .env file is tracked');
  expect(clean.status).toBe(0);

  mkdirSync(join(project, 'api'));
  writeFileSync(join(project, 'api/.env.production'), 'A=1\n');
  git('add', '--force', 'api');
  expect(doctor().found.get('plaintext in git')?.detail).toBe('git tracks api/.env.production');

  const inside = join(project, 'root.key');
  copyFileSync(rootKey(), inside);
  const source = { LOCKFAST_KEY_SOURCE: `file:${inside}` };
  expect(doctor(source).found.get('root key file')).toMatchObject({ state: 'failed', detail: 'root.key lies in the work tree, and git does not ignore it' });
  git('add', 'root.key');
  expect(doctor(source).found.get('root key file')).toMatchObject({ state: 'failed', detail: 'git tracks root.key' });
  git('rm', '--quiet', '--cached', 'root.key');
  writeFileSync(join(project, '.gitignore'), '/root.key\n');
  expect(doctor(source).found.get('root key file')?.state).toBe('warning');
});
