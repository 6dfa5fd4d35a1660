/** Who may read the ledger, what reading leaves in it, and that it can be read when it can't be written. */
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { loginUid } from '../src/actor.ts';
import { ledgerEntries } from './support/ledger.ts';
import { encryptedProject, isRoot, type Project } from './support/project.ts';

/** Persons behind sudo can only be played by root, and where nobody has logged in. */
const missingForPersons = !isRoot ? 'needs root' : loginUid() === undefined ? undefined : 'needs a session without a login';

const DATABASE = '.lockfast/ledger.db';
const ROLES = '\n[roles]\nadmin = ["daemon"]\noperator = ["nobody"]\nauditor = ["www-data"]\n';
const READERS: readonly (readonly string[])[] = [['ledger', 'list'], ['ledger', 'verify'], ['ledger', 'export', '--out', '-']];

async function readProject(settings = ''): Promise<Project> {
  const project = await encryptedProject('A=1\n');
  project.write('lockfast.toml', project.text('lockfast.toml') + settings, 0o644);
  return project;
}

async function operations(project: Project): Promise<readonly string[]> {
  return (await ledgerEntries(project)).map(({ operation, kind, outcome }) => `${operation} ${kind} ${outcome ?? ''}`.trim());
}

describe.skipIf(missingForPersons !== undefined)(`who may read it${missingForPersons === undefined ? '' : ` (skipped: ${missingForPersons})`}`, () => {
  test.each(READERS)('[S8] %s %s: auditors, operators and admins; anybody else is refused, which is on record', async (...args: readonly string[]) => {
    const project = await readProject(ROLES);
    for (const person of ['daemon', 'nobody', 'www-data']) {
      const { status, stderr } = await project.run(args, { env: { SUDO_USER: person } });
      expect([person, status], stderr).toEqual([person, 0]);
    }
    const stranger = await project.run(args, { env: { SUDO_USER: 'backup' } });
    expect([stranger.status, stranger.stdout]).toEqual([1, '']);
    expect(stranger.stderr).toContain(`lockfast: ${args[0]} ${args[1]}: backup is not an auditor: `);
    expect((await ledgerEntries(project)).at(-1)).toMatchObject({ kind: 'event', operation: `ledger-${args[1]}`, outcome: 'refused', code: 'not-permitted', actor: { sudo: 'backup' } });
  });

  test('[S8] a bundle is read by whoever has it', async () => {
    const project = await readProject(ROLES);
    expect((await project.run(['ledger', 'export', '--out', 'audit.bundle'], { env: { SUDO_USER: 'www-data' } })).status).toBe(0);
    expect((await project.run(['ledger', 'verify', '--bundle', 'audit.bundle'], { env: { SUDO_USER: 'backup' } })).status).toBe(0);
  });
});

test('[S8] without [roles] everybody may', async () => {
  const project = await readProject();
  for (const args of READERS) expect((await project.run(args)).status, args.join(' ')).toBe(0);
});

test('[S4] a list and an export are on record, a verification is not', async () => {
  const project = await readProject();
  const before = (await operations(project)).length;
  for (const args of READERS) await project.run(args);
  expect((await operations(project)).slice(before)).toEqual(['ledger-list event success', 'ledger-export intent', 'ledger-export outcome success']);
  expect((await ledgerEntries(project)).at(-1)).toMatchObject({ object: 'standard output', details: { format: 'bundle', entries: before + 1 } });

  expect((await project.run(['ledger', 'export', '--format', 'csv', '--out', 'audit.csv', '--reason', 'ticket 4711'])).status).toBe(0);
  expect((await ledgerEntries(project)).at(-1)).toMatchObject({ object: project.path('audit.csv'), reason: 'ticket 4711', details: { format: 'csv' } });
});

test('[B5] an export leaves nothing open or unsigned in the bundle that it writes', async () => {
  const project = await readProject();
  const signed = await project.run(['key', 'create']);
  expect(signed.status, signed.stderr).toBe(0);
  expect((await project.run(['ledger', 'export', '--out', 'audit.bundle'])).status).toBe(0);
  const { status, stdout, stderr } = await project.run(['ledger', 'verify', '--bundle', 'audit.bundle', '--strict', '--json']);
  expect([status, JSON.parse(stdout)], stderr).toEqual([0, expect.objectContaining({ unanchored: 0, dangling: [] })]);
});

test('[S4] [B5] a ledger that can not be appended to is listed and verified all the same; nothing leaves it without --break-glass', async () => {
  const project = await readProject();
  cpSync(project.path(DATABASE), join(project.base, 'old.db'));
  expect((await project.run(['key', 'create'])).status).toBe(0);
  for (const rest of ['', '-wal', '-shm']) rmSync(project.path(DATABASE + rest), { force: true });
  cpSync(join(project.base, 'old.db'), project.path(DATABASE));

  const list = await project.run(['ledger', 'list']);
  expect([list.status, list.stdout], list.stderr).toEqual([0, expect.stringContaining('encrypt')]);
  expect(list.stderr).toContain('that this was read is not on record: ');
  const verified = await project.run(['ledger', 'verify', '--json']);
  expect(JSON.parse(verified.stdout), verified.stderr).toMatchObject({ error: { code: 'ledger-tampered' } });

  const refused = await project.run(['ledger', 'export', '--out', 'audit.bundle']);
  expect([refused.status, existsSync(project.path('audit.bundle'))], refused.stderr).toEqual([4, false]);
  const forced = await project.run(['ledger', 'export', '--out', 'audit.bundle', '--break-glass', '--reason', 'evidence']);
  expect(forced.status, forced.stderr).toBe(0);
  expect(readFileSync(project.path('audit.bundle'), 'utf8')).toContain('lockfast-ledger-bundle/1');

  expect((await project.run(['ledger', 'accept-restored', '--reason', 'restored'])).status).toBe(0);
  await project.run(['ledger', 'list']);
  expect(await operations(project)).toContain('break-glass event success');
});
