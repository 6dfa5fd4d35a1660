/** `lockfast guard`, in real repositories. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { emptyProject, encryptedProject, type Project } from './support/project.ts';

const VALUE = 'q7Zp-2xVb9_Lk4Nw8Rt1Ys6Dc3Gf5Hj';
const PERSON = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.invalid', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@example.invalid' };

function git(project: Project, ...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: project.directory, env: { ...project.env, ...PERSON }, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

async function repository(): Promise<Project> {
  const project = await encryptedProject(`API_KEY=${VALUE}\nPORT=3000\n`);
  git(project, 'init', '--quiet', '--initial-branch=main');
  git(project, 'add', '--all');
  git(project, 'commit', '--quiet', '-m', 'first');
  return project;
}

interface Report {
  readonly ok: boolean;
  readonly values: { readonly from: string; readonly count: number; readonly notGuardable: readonly object[] };
  readonly findings: readonly { readonly kind: string; readonly path: string; readonly variable: string | null; readonly fingerprint: string; readonly commit: string | null }[];
  readonly error?: { readonly code: string };
}

async function scanned(project: Project, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Report> {
  const { stdout, status } = await project.run(['guard', 'scan', '--json', ...args], { env });
  const report = JSON.parse(stdout) as Report;
  expect(status).toBe(report.ok ? 0 : 1);
  expect(stdout).not.toContain(VALUE);
  return report;
}

test('[E12] [B7] a value of the key ring is found, said how to rotate, and put on record', async () => {
  const project = await repository();
  expect((await scanned(project)).values).toEqual({ from: 'ring', count: 1, notGuardable: [{ tenant: '', variable: 'PORT', why: 'it has less than 12 bytes' }] });
  project.write('notes.txt', Buffer.from(`x${VALUE}`).toString('base64'));
  git(project, 'add', '--all');
  git(project, 'commit', '--quiet', '-m', 'oops');
  const { status, stdout, stderr } = await project.run(['guard', 'scan', '--history']);
  expect([status, stdout]).toEqual([1, expect.stringMatching(/^notes\.txt:1 +[0-9a-f]{12} +the live value of API_KEY, as base64 +[0-9a-f]{16}$/m)]);
  expect(stderr).toContain('lockfast secret rotate API_KEY');
  expect(stderr).toContain('git filter-repo');
  expect(stdout + stderr).not.toContain(VALUE);
  const ledger = await project.run(['ledger', 'list', '--json']);
  expect(ledger.stdout).toMatch(/"guard-finding"/);
});

test('[B7] [E12] a value that is too short for the guard file is looked for in a hook, too, where the key ring opens; elsewhere that is said', async () => {
  const short = 'x7Kp2vQ9mZr4Lt8';
  const project = await encryptedProject(`API_KEY=${VALUE}\nSHORT_KEY=${short}\n`);
  const { rootKey } = project; // before the guard's directory lies beside it
  git(project, 'init', '--quiet', '--initial-branch=main');
  expect(await project.run(['guard', 'update'])).toMatchObject({ status: 0, stderr: expect.stringContaining('not guardable: SHORT_KEY: it is too short for a guard file') as string });
  expect(await project.run(['guard', 'install'])).toMatchObject({ status: 0 });
  project.write('notes.txt', `k ${short}`);
  git(project, 'add', '--all');
  const refused = git(project, 'commit', '--quiet', '-m', 'oops');
  expect([refused.status, refused.output]).toEqual([1, expect.stringContaining('the live value of SHORT_KEY')]);
  renameSync(rootKey, project.path('away'));
  const { stderr } = await project.run(['guard', 'scan', '--staged']);
  expect(stderr).toContain('1 value too short for the guard file, and not looked for, since the key ring does not open here: SHORT_KEY');
});

test('[B7] without the key ring the guard file finds it, with its key from a file, from a variable, or not at all', async () => {
  const project = await repository();
  const { rootKey } = project; // before the guard's directory lies beside it
  const made = await project.run(['guard', 'update', '--json']);
  expect(made.stderr).toBe('');
  const { keyFile, live, unguardable } = JSON.parse(made.stdout) as { keyFile: string; live: number; unguardable: object[] };
  expect([live, unguardable]).toEqual([1, [{ tenant: '', variable: 'PORT', why: 'it has less than 12 bytes' }]]);
  expect(keyFile.startsWith(project.directory)).toBe(false);
  const before = project.text('.lockfast/guard.json');
  expect((await project.run(['guard', 'update'])).stdout).toContain('1 value, 0 new, 0 retired');
  expect(project.text('.lockfast/guard.json')).toBe(before);
  rmSync(rootKey);
  project.write('notes.txt', VALUE);
  const found = await scanned(project);
  expect([found.values.from, found.findings.map(({ path, variable }) => [path, variable])]).toEqual(['guard-file', [['notes.txt', 'API_KEY']]]);
  const key = readFileSync(keyFile, 'utf8');
  rmSync(keyFile);
  expect((await scanned(project)).values.from).toBe('none');
  expect((await scanned(project, [], { LOCKFAST_GUARD_KEY: key })).findings).toHaveLength(1);
  const wrong = await project.run(['guard', 'scan', '--values', 'guard-file', '--json'], { env: { LOCKFAST_GUARD_KEY: 'lockfast-guard-1.x' } });
  expect([wrong.status, wrong.stdout]).toEqual([3, expect.stringContaining('invalid-key')]);
  const missing = await project.run(['guard', 'scan', '--values', 'guard-file', '--json']);
  expect([missing.status, missing.stdout]).toEqual([3, expect.stringContaining('missing-key')]);
});

test('[B7] after a change of the value, the old one is found as retired', async () => {
  const project = await repository();
  await project.run(['guard', 'update']);
  await project.run(['env', 'set', 'API_KEY'], { input: `${VALUE}-new` });
  expect((await project.run(['guard', 'update'])).stdout).toContain('1 value, 1 new, 1 retired');
  project.write('notes.txt', VALUE);
  for (const values of ['ring', 'guard-file']) {
    const { stdout } = await project.run(['guard', 'scan', '--values', values]);
    expect(stdout, values).toContain('the retired value of API_KEY');
  }
});

test('[E12] the pre-commit hook refuses, the hook of before still runs, and uninstall leaves no trace', { timeout: 60_000 }, async () => {
  const project = await repository();
  project.write('.git/hooks/pre-commit', '#!/bin/sh\necho "before: $(basename "$0")" >> hook.log\n', 0o755);
  project.write('.git/hooks/pre-push', '#!/bin/sh\ncat >> hook.log\n', 0o755);
  await project.run(['guard', 'update']);
  const original = clone(project);
  expect((await project.run(['guard', 'install'])).status).toBe(0);
  const installed = clone(project);
  expect(installed).not.toEqual(original);
  expect((await project.run(['guard', 'install'])).stdout).toBe('everything is set up already\n');
  expect(clone(project)).toEqual(installed);
  project.write('.env.local', 'A=1\n');
  git(project, 'add', '--force', '.env.local');
  const refused = git(project, 'commit', '-m', 'plaintext');
  expect([refused.status, refused.output]).toEqual([1, expect.stringContaining('a plaintext env file')]);
  expect(project.text('hook.log')).toBe('before: pre-commit\n');
  git(project, 'rm', '--quiet', '--cached', '.env.local');
  project.write('notes.txt', VALUE);
  git(project, 'add', 'notes.txt');
  // A commit of a named file alone has an index of its own.
  expect(git(project, 'commit', '-m', 'value', 'notes.txt').output).toContain('the live value of API_KEY');
  git(project, 'commit', '--quiet', '--no-verify', '-m', 'value');
  execFileSync('git', ['init', '--quiet', '--bare', join(project.base, 'remote.git')]);
  const pushed = git(project, 'push', join(project.base, 'remote.git'), 'main');
  expect([pushed.status, pushed.output]).toEqual([1, expect.stringContaining('notes.txt:1')]);
  expect(project.text('hook.log')).toMatch(/refs\/heads\/main [0-9a-f]{40} refs\/heads\/main 0{40}\n$/);
  git(project, 'reset', '--quiet', '--hard', 'HEAD~1');
  expect(git(project, 'push', join(project.base, 'remote.git'), 'main').status).toBe(0);
  expect((await project.run(['guard', 'uninstall'])).stderr).toBe('');
  expect(clone(project)).toEqual(original);
  expect((await project.run(['guard', 'uninstall'])).stdout).toBe('nothing is set up here\n');
});

/** What install may touch: hooks, configuration, attributes. */
function clone(project: Project): Record<string, string> {
  const shown = (path: string): [string, string] => [path, existsSync(join(project.directory, path)) ? readFileSync(join(project.directory, path), 'utf8') : '(none)'];
  const hooks = (readdirSync(join(project.directory, '.git/hooks'), { recursive: true }) as string[]).filter((name) => !name.endsWith('.sample') && !name.endsWith('lockfast.d'));
  return Object.fromEntries([...hooks.map((name) => `.git/hooks/${name}`), '.git/config', '.gitattributes', '.husky/pre-commit', 'lefthook.yml', '.pre-commit-config.yaml'].toSorted().map(shown));
}

test('[E12] a hook that is a link, and one that was changed since, are kept', async () => {
  const project = await repository();
  project.write('scripts/check', '#!/bin/sh\ntouch linked\n', 0o755);
  symlinkSync('../../scripts/check', project.path('.git/hooks/pre-commit'));
  await project.run(['guard', 'install']);
  git(project, 'commit', '--quiet', '--allow-empty', '-m', 'x');
  expect(existsSync(project.path('linked'))).toBe(true);
  project.write('.git/hooks/pre-push', '#!/bin/sh\n# another one\n', 0o755);
  const { stderr } = await project.run(['guard', 'uninstall']);
  expect(stderr).toMatch(/pre-push is another one by now: it was left alone/);
  expect(project.text('.git/hooks/pre-commit')).toBe('#!/bin/sh\ntouch linked\n');
  expect(project.text('.git/hooks/pre-push')).toContain('another one');
});

test.each([
  ['husky', '.husky/pre-commit', 'npm test\n'],
  ['lefthook', 'lefthook.yml', 'commit-msg:\n  commands: {}\n'],
  ['pre-commit', '.pre-commit-config.yaml', 'repos:\n  - repo: https://example.com/x\n    rev: v1\n    hooks:\n      - id: x\n'],
])('[E12] with %s the lines are printed, or added with --yes and taken out again', async (name, file, text) => {
  const project = await repository();
  project.write(file, text, 0o755);
  if (name === 'husky') git(project, 'config', 'core.hooksPath', '.husky/_');
  const asked = await project.run(['guard', 'install']);
  expect([asked.status, asked.stdout]).toEqual([2, expect.stringContaining(`to be added to ${file}`)]);
  expect(project.text(file)).toBe(text);
  await project.run(['guard', 'uninstall']);
  const before = clone(project);
  expect((await project.run(['guard', 'install', '--yes'])).status).toBe(0);
  expect(project.text(file)).toContain('lockfast guard scan --staged');
  expect((await project.run(['guard', 'install', '--yes'])).stdout).toBe('everything is set up already\n');
  if (name === 'husky') {
    project.write('.env.local', 'A=1\n');
    git(project, 'add', '--force', '.env.local');
    expect(spawnSync('sh', ['-e', project.path(file)], { cwd: project.directory, env: project.env }).status).toBe(1);
  }
  await project.run(['guard', 'uninstall']);
  expect(clone(project)).toEqual(before);
});

test('[E12] a finding is ignored for a reason, in this file and for this value alone', async () => {
  const project = await repository();
  project.write('notes.txt', VALUE);
  const { findings } = await scanned(project);
  const { fingerprint } = findings[0]!;
  for (const args of [[fingerprint], [fingerprint, '--reason', ' '], ['xyz', '--reason', 'x'], []]) expect((await project.run(['guard', 'ignore', ...args])).status).toBe(2);
  expect((await project.run(['guard', 'ignore', fingerprint, '--reason', 'the vendor\'s "example"'])).status).toBe(0);
  expect((await project.run(['guard', 'ignore', fingerprint, '--reason', 'again'])).stdout).toContain('is there already');
  expect(project.text('.lockfast/guard-ignore.toml')).toContain(String.raw`reason = "the vendor's \"example\""`);
  expect((await scanned(project)).findings).toEqual([]);
  project.write('other.txt', VALUE);
  expect((await scanned(project)).findings.map(({ path }) => path)).toEqual(['other.txt']);
  project.write('.lockfast/guard-ignore.toml', '[[ignore]]\nfingerprint = "*"\n');
  expect((await project.run(['guard', 'scan'])).stderr).toContain('guard-ignore.toml is not a list of');
});

test('[E12] .gitignore is completed, and encrypted files are ignored where that is set', async () => {
  const project = await repository();
  project.write('.gitignore', '!.env.example\nnode_modules');
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[guard]\nencrypted = "ignored"\n`);
  const { findings } = await scanned(project);
  expect(findings.map(({ kind }) => kind)).toEqual(['gitignore']);
  expect((await project.run(['guard', 'scan', '--fix'])).stdout).toContain('.gitignore: .env.* added');
  expect(project.text('.gitignore')).toBe('!.env.example\nnode_modules\n\n# lockfast guard\n.env\n.env.*\n.env.secrets\n*.backup_*\n*.encrypted\n!.env.example\n');
  expect((await scanned(project)).findings).toEqual([]);
});

test('[E12] without a configuration it scans all the same', async () => {
  const project = emptyProject();
  git(project, 'init', '--quiet');
  project.write('.gitignore', '.env*\n!.env.example\n!*.encrypted\n*.backup_*\n');
  project.write('.env', 'A=1\n');
  git(project, 'add', '--all', '--force');
  expect((await scanned(project, ['--staged'])).findings.map(({ kind }) => kind)).toEqual(['plaintext-env']);
  expect((await scanned(project, ['--sarif', 'out.sarif'])).values.from).toBe('none');
  expect(JSON.parse(project.text('out.sarif'))).toMatchObject({ version: '2.1.0', runs: [{ results: [{ ruleId: 'plaintext-env' }] }] });
});

test.each([
  [['--staged', '--history'], 2, '--staged and --history exclude each other'],
  [['--range', 'nowhere..HEAD'], 1, 'names no commits'],
  [['--values', 'everywhere'], 2, '--values takes one of'],
  [['--pushed', 'origin'], 2, 'pre-push'],
  [['extra'], 2, ''],
])('guard scan %j is refused', async (args, status, message) => {
  const project = await repository();
  const outcome = await project.run(['guard', 'scan', ...args], { input: 'x\n' });
  expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(message)]);
});

test('outside of a repository each of them says so', async () => {
  const project = emptyProject();
  for (const args of [['scan'], ['install'], ['uninstall'], ['ignore', '0123456789abcdef', '--reason', 'x']]) {
    const { status, stderr } = await project.run(['guard', ...args]);
    expect([status, stderr], args.join()).toEqual([1, expect.stringContaining('is in no git repository')]);
  }
});

test('[E12] the diff of an encrypted file shows names, and needs no key', async () => {
  const project = await repository();
  await project.run(['guard', 'install']);
  await project.run(['env', 'set', 'API_KEY'], { input: 'another' });
  chmodSync(project.rootKey, 0o600);
  rmSync(project.rootKey);
  const { output } = git(project, 'diff', '.env.encrypted');
  expect(output).toMatch(/^-API_KEY=[0-9a-f]{12}$/m);
  expect(output).toMatch(/^ PORT=[0-9a-f]{12}$/m);
  mkdirSync(project.path('d'));
  expect((await project.run(['guard', 'textconv', 'd'])).status).toBe(1);
  project.write('plain', 'A=secret\n');
  expect((await project.run(['guard', 'textconv', 'plain'])).stdout).toMatch(/^not an encrypted file: 9 bytes, [0-9a-f]{12}\n$/);
});
