/** What a change of keys signs at its end goes to the witnesses, and none of them holds it up. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ledgerEntries } from './support/ledger.ts';
import { encryptedProject, type Project } from './support/project.ts';

async function witnessedProject(...witnesses: readonly string[]): Promise<Project> {
  const project = await encryptedProject('A=1\n');
  mkdirSync(join(project.base, 'witness'));
  appendFileSync(project.path('lockfast.toml'), ['', ...witnesses].map((witness) => `${witness === '' ? '' : '[[witnesses]]\n'}${witness}\n`).join(''));
  return project;
}

/** How many entries the directory has the root of. */
function witnessed(project: Project): number {
  const [file] = readdirSync(join(project.base, 'witness'));
  return file === undefined ? 0 : Number(readFileSync(join(project.base, 'witness', file), 'utf8').split('\n')[1]);
}

const DIRECTORY = 'directory = "../witness"';

test('[B5] every change of keys is witnessed at its end', async () => {
  const project = await witnessedProject(DIRECTORY);
  for (const args of [['key', 'create'], ['key', 'departure', '--reason', 'r'], ['key', 'rotate'], ['key', 'rewrap']]) {
    const { status, stderr } = await project.run(args);
    expect([args.join(' '), status], stderr).toEqual([args.join(' '), 0]);
    expect(stderr).not.toContain('checkpoint');
    expect(witnessed(project), args.join(' ')).toBe((await ledgerEntries(project)).length);
  }
});

test('[B5] one that fails is a warning, the others have it, and the change is done', async () => {
  const project = await witnessedProject('command = ["/bin/false"]', DIRECTORY);
  const { status, stderr } = await project.run(['key', 'create', '--json']);
  expect(status, stderr).toBe(0);
  expect(stderr).toBe('lockfast: warning: not witnessed: the command false ended with status 1: run `lockfast ledger witness push` when it can be reached\n');
  expect(witnessed(project)).toBe((await ledgerEntries(project)).length);
});

test('[B5] one that does not answer holds nothing up for longer than 5 s', async () => {
  const project = await witnessedProject('command = ["/bin/sleep", "9"]', DIRECTORY);
  const begun = performance.now();
  const { status, stderr } = await project.run(['key', 'create']);
  expect(status, stderr).toBe(0);
  expect(performance.now() - begun).toBeLessThan(8000);
  expect(stderr).toMatch(/warning: not every witness has the new checkpoint after 5 s/);
  expect(witnessed(project)).toBe((await ledgerEntries(project)).length);
  // The other process ends by itself, before the project is removed.
  await new Promise((resolve) => setTimeout(resolve, 5000));
}, 30_000);

test('the other process gets no root key, and asks for none', async () => {
  const project = await witnessedProject();
  const seen = join(project.base, 'seen');
  appendFileSync(project.path('lockfast.toml'), `[[witnesses]]\ncommand = ["/bin/sh", "-c", "tr '\\\\0' '\\\\n' < /proc/$PPID/environ > '${seen}'"]\n`);
  const key = readFileSync(project.rootKey, 'utf8').trim();
  const { status, stderr } = await project.run(['key', 'source', 'add', 'env:CI_KEY'], { env: { CI_KEY: key, PLAIN: 'kept' } });
  expect([status, stderr]).toEqual([0, '']);
  expect(readFileSync(seen, 'utf8')).toContain('PLAIN=kept');
  expect(readFileSync(seen, 'utf8')).not.toMatch(/CI_KEY|lockfast-root/);
});

test('[B5] push --signed hands on what was signed last, and opens no key ring', async () => {
  const project = await witnessedProject(DIRECTORY);
  expect((await project.run(['key', 'create'])).status).toBe(0);
  const before = witnessed(project);
  await project.run(['env', 'get', 'A']);
  const { status, stderr } = await project.run(['ledger', 'witness', 'push', '--signed'], { env: { LOCKFAST_KEY_SOURCE: 'env:NOT_SET' } });
  expect(status, stderr).toBe(0);
  expect(witnessed(project)).toBe(before);
});
