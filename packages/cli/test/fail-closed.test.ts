/**
 * Without a ledger nothing happens: whatever keeps it from being written, every command that needs a key ends before it
 * begins, says why, and changes nothing; the program that `run` should start does not start.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { missingForPostgres } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { missingForMounting, smallDisk } from './support/disk.ts';
import { ledgerEntries } from './support/ledger.ts';
import { startPostgresLedger, useLedger } from './support/postgres-ledger.ts';
import { type Around, copyInto, copyOf, emptyProject, encryptedProject, isRoot, Project, type Tree } from './support/project.ts';

const DATABASE = '.lockfast/ledger.db';
const ENDS = ['', '-wal', '-shm'];

const COMMANDS: readonly (readonly [args: readonly string[], around?: Around])[] = [
  [['run', '--', 'touch', 'started']],
  [['env', 'encrypt', 'plain.env']],
  [['env', 'decrypt', '--out', 'decrypted']],
  [['env', 'get', 'A']],
  [['env', 'set', 'A'], { input: 'changed' }],
  [['key', 'create']],
  [['key', 'rotate']],
];

/** With a file to encrypt, and what the first rotation leaves. */
let template: Project;
beforeAll(async () => {
  template = new Project();
  template.write('.env', 'A=value-of-a\n');
  for (const args of [['init'], ['env', 'encrypt'], ['key', 'rotate']]) {
    const { status, stderr } = await template.run(args);
    expect(status, stderr).toBe(0);
  }
  template.write('plain.env', 'B=2\n');
});
afterAll(() => template[Symbol.dispose]());

/** The machine knows ledgers by their place, so the copy's has to be written to once. */
async function usedProject(): Promise<Project> {
  const project = copyOf(template);
  expect(await project.run(['env', 'get', 'A'])).toMatchObject({ status: 0 });
  return project;
}

/** All of the test's files but the ledger and the locks, wherever the ledger lies. */
function filesOf(project: Project): Tree {
  return Object.fromEntries(Object.entries(project.tree()).filter(([path]) => !path.startsWith('/disk')));
}

/** Each of the commands ends with this status and code, one at a time or all at once, and nothing is different then. */
async function expectNothingDone(project: Project, status: number, code: string, said: RegExp, around: Around = {}, atOnce = false): Promise<void> {
  const before = filesOf(project);
  const ended = async ([args, more = {}]: (typeof COMMANDS)[number]): Promise<void> => {
    const outcome = await project.run(args, { ...more, ...around, patience: 60_000 });
    const name = `${args.join(' ')}: ${outcome.stderr}`;
    expect(outcome.status, name).toBe(status);
    expect(outcome.stderr, name).toMatch(said);
    expect(outcome.stdout, name).toBe('');
    expect(outcome.stderr, name).not.toMatch(/value-of-a|defect/);
  };
  const listed = async (): Promise<void> => {
    const outcome = await project.run(['env', 'list', '--reveal', '--json'], { ...around, patience: 60_000 });
    expect([outcome.status, JSON.parse(outcome.stdout)]).toEqual([status, { error: { code, message: expect.any(String), hint: expect.stringMatching(/./) } }]);
  };
  if (atOnce) await Promise.all([...COMMANDS.map(ended), listed()]);
  else {
    for (const command of COMMANDS) await ended(command);
    await listed();
  }
  expect(filesOf(project)).toEqual(before);
  expect(existsSync(project.path('started'))).toBe(false);
}

/** And with the ledger back all of them work. */
async function expectAllDone(project: Project, around: Around = {}): Promise<void> {
  for (const [args, more = {}] of COMMANDS) {
    const { status, stderr } = await project.run(args, { ...more, ...around });
    expect(status, `${args.join(' ')}: ${stderr}`).toBe(0);
  }
}

describe('[E14] the ledger', { timeout: 240_000 }, () => {
  /** Each command waits for ten seconds: the other tests run meanwhile, and the last one looks at what came of it, and how long it took. */
  let held: { readonly project: Project; readonly holder: DatabaseSync; readonly over: Promise<number> };
  beforeAll(() => {
    const project = new Project();
    copyInto(template, project);
    const holder = new DatabaseSync(project.path(DATABASE));
    holder.exec('BEGIN EXCLUSIVE');
    const began = performance.now();
    const over = expectNothingDone(project, 1, 'ledger-unavailable', /the ledger .* can not be used: /, {}, true).then(() => performance.now() - began);
    over.catch(() => {});
    held = { project, holder, over };
  });
  afterAll(async () => {
    await held.over.catch(() => {});
    held.holder.close();
    held.project[Symbol.dispose]();
  });

  test('is gone', async () => {
    const project = await usedProject();
    const kept = join(project.base, 'kept');
    mkdirSync(kept);
    for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) renameSync(project.path(DATABASE + end), join(kept, `ledger.db${end}`));
    await expectNothingDone(project, 1, 'ledger-missing', /the ledger .*ledger\.db is gone: this machine has written to it before: restore it/);
    expect(existsSync(project.path(DATABASE))).toBe(false);
    cpSync(kept, project.path('.lockfast'), { recursive: true });
    rmSync(kept, { recursive: true });
    await expectAllDone(project);
  });

  test('is another one, empty, in the place of the one that this machine has written to', async () => {
    const project = await usedProject();
    const other = await encryptedProject('');
    for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
    cpSync(other.path(DATABASE), project.path(DATABASE));
    await expectNothingDone(project, 4, 'ledger-rewound', /this machine has written to/);
  });

  test('is an older copy', async () => {
    const project = await usedProject();
    const kept = join(project.base, 'kept.db');
    cpSync(project.path(DATABASE), kept);
    for (let i = 0; i < 2; i++) expect((await project.run(['key', 'create'])).status).toBe(0);
    for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
    renameSync(kept, project.path(DATABASE));
    await expectNothingDone(project, 4, 'ledger-rewound', /once had \d+: if a backup was restored/);
  });

  test.each([
    ['text', 'this is not a database, and long enough to be none\n'.repeat(100)],
    ['nothing', ''],
    ['zeros', Buffer.alloc(8192)],
  ])('holds %s', async (_, content) => {
    const project = await usedProject();
    for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
    writeFileSync(project.path(DATABASE), content);
    const { status, stdout } = await project.run(['env', 'get', 'A', '--json']);
    const { error } = JSON.parse(stdout) as { error: { code: string } };
    expect([1, 4]).toContain(status);
    expect(error.code).toMatch(/^ledger-|^unsupported-format$/);
    await expectNothingDone(project, status!, error.code, /the ledger|ledger\.db/);
  });

  test('is a database of another program', async () => {
    const project = await usedProject();
    for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
    using other = new DatabaseSync(project.path(DATABASE));
    other.exec('CREATE TABLE mine (x); PRAGMA application_id = 7');
    await expectNothingDone(project, 4, 'unsupported-format', /is a database of another program/);
  });

  test.skipIf(!isRoot)('may not be read, or not be written, by this user', async () => {
    const project = await usedProject();
    execFileSync('chown', ['-R', '65534:65534', project.base]);
    const unprivileged = { unprivileged: true };
    expect((await project.run(['env', 'get', 'A'], unprivileged)).stdout).toBe('value-of-a');
    for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) execFileSync('chown', ['0:0', project.path(DATABASE + end)]);
    for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) chmodSync(project.path(DATABASE + end), 0o600);
    await expectNothingDone(project, 1, 'ledger-unavailable', /the ledger .* can not be used: /, unprivileged);
    for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) chmodSync(project.path(DATABASE + end), 0o444);
    await expectNothingDone(project, 1, 'ledger-unavailable', /the ledger .* can not be used: /, unprivileged);
    execFileSync('chown', ['-R', '65534:65534', project.base]);
    for (const end of ENDS) if (existsSync(project.path(DATABASE + end))) chmodSync(project.path(DATABASE + end), 0o600);
    await expectAllDone(project, unprivileged);
  });

  const missingMount = missingForMounting();
  test.skipIf(missingMount !== undefined)(`is on a full disk, and on one that is read-only${missingMount === undefined ? '' : ` (${missingMount})`}`, async () => {
    const project = await usedProject();
    const directory = join(project.base, 'disk');
    const disk = smallDisk(directory, '512k');
    cpSync(project.path(DATABASE), join(directory, 'ledger.db'));
    const env = { LOCKFAST_LEDGER: `sqlite:${join(directory, 'ledger.db')}` };
    expect((await project.run(['env', 'get', 'A'], { env })).status).toBe(0);
    fill(join(directory, 'filler'));
    await expectNothingDone(project, 1, 'ledger-unavailable', /can not be used: .*(?:full|space|I\/O error)/, { env });
    rmSync(join(directory, 'filler'));
    disk.makeReadOnly();
    await expectNothingDone(project, 1, 'ledger-unavailable', /can not be used: /, { env });
    execFileSync('mount', ['-o', 'remount,rw', directory]);
    await expectAllDone(project, { env });
  });

  test('has a directory, a link to nothing or a pipe in its place', async () => {
    const project = await usedProject();
    for (const end of ENDS) rmSync(project.path(DATABASE + end), { force: true });
    const place = project.path(DATABASE);
    for (const put of [() => mkdirSync(place), () => execFileSync('ln', ['-s', 'nowhere', place]), () => execFileSync('mkfifo', [place])]) {
      put();
      const before = filesOf(project);
      for (const [args, more = {}] of COMMANDS) {
        const { status, stdout, stderr } = await project.run(args, { ...more, patience: 20_000 });
        expect([status, stdout], stderr).toEqual([1, '']);
        expect(stderr).toMatch(/ledger\.db/);
        expect(stderr).not.toContain('defect');
      }
      expect(filesOf(project)).toEqual(before);
      rmSync(place, { recursive: true });
    }
  });

  test('was begun by another machine: a clone begins one of its own, once, and misses it when it is gone', async () => {
    const original = await usedProject();
    const clone = emptyProject();
    cpSync(original.directory, clone.directory, { recursive: true });
    cpSync(join(original.home, '.config'), join(clone.home, '.config'), { recursive: true });
    for (const end of ENDS) rmSync(clone.path(DATABASE + end), { force: true });
    expect((await clone.run(['env', 'get', 'A'])).stdout).toBe('value-of-a');
    expect((await ledgerEntries(clone)).map(({ operation, kind }) => [operation, kind]).slice(0, 3)).toEqual([
      ['ledger-created', 'event'],
      ['decrypt', 'intent'],
      ['decrypt', 'outcome'],
    ]);
    expect(statSync(clone.path(DATABASE)).mode & 0o777).toBe(0o600);
    for (const end of ENDS) rmSync(clone.path(DATABASE + end), { force: true });
    await expectNothingDone(clone, 1, 'ledger-missing', /is gone/);
    const { status, stderr } = await clone.run(['ledger', 'create', '--reason', 'the disk was lost']);
    expect(status, stderr).toBe(0);
    await expectAllDone(clone);
    expect((await ledgerEntries(clone))[1]).toMatchObject({ operation: 'ledger-create', reason: 'the disk was lost' });
  });

  const missingPostgres = missingForPostgres();
  test.skipIf(missingPostgres !== undefined)(`on PostgreSQL: not installed, not let in, stopped${missingPostgres === undefined ? '' : ` (${missingPostgres})`}`, async () => {
    const project = await usedProject();
    const { server, url, ownerUrl } = await startPostgresLedger();
    useLedger(project, 'env:LEDGER_URL');
    const env = { LEDGER_URL: url };
    await expectNothingDone(project, 1, 'ledger-missing', /there is no ledger in it/, { env });
    const { status, stderr } = await project.run(['ledger', 'create', '--owner', 'env:OWNER_URL', '--role', 'shop'], { env: { ...env, OWNER_URL: ownerUrl } });
    expect(status, stderr).toBe(0);
    await expectNothingDone(project, 1, 'ledger-unavailable', /this role may not do that|did not let this user in|there is no such role/, { env: { LEDGER_URL: url.replace('shop:', 'nobody:') } });
    server.sql('shop', 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA lockfast_ledger FROM shop');
    await expectNothingDone(project, 1, 'ledger-unavailable', /this role may not do that/, { env });
    server.sql('shop', 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lockfast_ledger TO shop');
    await expectAllDone(project, { env });
    project.write('plain.env', 'B=2\n');
    rmSync(project.path('decrypted'));
    rmSync(project.path('started'));
    await server.stop();
    await expectNothingDone(project, 1, 'ledger-unavailable', /the ledger postgres:\/\/shop@127\.0\.0\.1:\d+\/shop can not be used/, { env });
    await expectNothingDone(project, 2, 'config-invalid', /LEDGER_URL does not hold the place of the ledger/, {});
  });

  test('is held by another process', async () => {
    expect(await held.over).toBeGreaterThan(9000);
    held.holder.exec('ROLLBACK');
    await expectAllDone(held.project);
  });
});

/** Up to the last byte. */
function fill(path: string): void {
  for (const size of [64 * 1024, 4096, 512, 1]) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}
