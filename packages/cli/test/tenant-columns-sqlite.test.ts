/** Columns under tenants' own keys in a SQLite file, whose tenants are numbers: copied before the shred, the file opens for the others alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { expect, test } from 'vitest';

import { loginUid } from '../src/actor.ts';
import { ledgerEntries } from './support/ledger.ts';
import { initialisedProject, isRoot, LOCKFAST, type Outcome, type Project } from './support/project.ts';

const CANARY = 'canary-e07b11';

test('[W10] [D7] a copy of the file from before the shred does not open for the tenant under the present ring; another tenant\'s rows do', async () => {
  const project = await initialisedProject();
  const file = project.path('app.db');
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE phone (id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL, number TEXT); INSERT INTO phone VALUES (1, 7, '${CANARY}-7'), (2, 8, '${CANARY}-8'), (3, 7, NULL)`);
  database.close();
  writeFileSync(
    project.path('lockfast.toml'),
    `${project.text('lockfast.toml')}\n[databases.app]\nurl = "sqlite:${file}"\n\n[[columns]]\nid = "users.phone"\ndatabase = "app"\ntable = "phone"\ncolumn = "number"\ncontext = ["org_id"]\ntenant = "org_id"\ntenant-key = "own"\n`,
  );
  const done = async (...args: string[]): Promise<Outcome> => {
    const outcome = await project.run(args);
    expect([outcome.status, outcome.stderr.includes(CANARY)], `${args.join(' ')}: ${outcome.stderr}`).toEqual([0, false]);
    return outcome;
  };
  expect((await done('tenant', 'own-key', '--from-columns')).stdout).toContain('2 tenants got a key of their own');
  await done('column', 'encrypt');
  copyFileSync(file, project.path('before.db'));
  expect((await done('column', 'export', '--tenant', '7', '--reason', 'r')).stdout).toContain(`${CANARY}-7`);
  expect((await done('tenant', 'shred', '7', '--yes')).stdout).toContain('covered: 1 row of it in users.phone');
  copyFileSync(project.path('before.db'), file);
  expect((await done('column', 'verify')).stdout).toContain('1 of 3 rows open; 1 without a value, 1 of tenants whose keys were destroyed: 7 1');
  expect((await done('column', 'export', '--tenant', '7', '--reason', 'r')).stdout).not.toContain(CANARY);
  expect((await done('column', 'export', '--tenant', '8', '--reason', 'r')).stdout).toContain(`${CANARY}-8`);
  expect((await done('column', 'clear', 'users.phone', '--shredded', '--keep', project.path('kept'), '--yes')).stdout).toContain('Emptied: 1');
});

test('[W10] [D7] a tenant that is a UUID is one in either case: one key is enough, and its shred and certificate go by either', async () => {
  const project = await initialisedProject();
  const id = '3f2b8c1e-7d4a-4c5b-9e6f-0a1b2c3d4e5f';
  using database = new DatabaseSync(project.path('app.db'));
  database.exec(`CREATE TABLE phone (id INTEGER PRIMARY KEY, org TEXT NOT NULL, number TEXT); INSERT INTO phone VALUES (1, '${id}', '${CANARY}')`);
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n[databases.app]\nurl = "sqlite:app.db"\n\n[[columns]]\nid = "users.phone"\ndatabase = "app"\ntable = "phone"\ncolumn = "number"\ncontext = ["org"]\ntenant = "org"\ntenant-key = "own"\n`);
  const done = async (...args: string[]): Promise<string> => {
    const outcome = await project.run(args);
    expect([outcome.status, args], outcome.stderr).toEqual([0, args]);
    return outcome.stdout;
  };
  expect(await done('tenant', 'own-key', id.toUpperCase())).toContain('1 tenant got a key of its own');
  expect(await done('tenant', 'own-key', '--from-columns')).toContain('0 tenants got a key of their own');
  expect(await done('column', 'encrypt')).toContain('Newly encrypted: 1');
  expect(await done('tenant', 'shred', id, '--yes')).toContain('covered: 1 row of it in users.phone');
  expect(await done('column', 'verify')).toContain(`1 of tenants whose keys were destroyed: ${id} 1`);
  for (const name of [id, id.toUpperCase()]) expect(await done('tenant', 'certificate', name)).toContain('users.phone');
  expect(await done('tenant', 'own-key', '--from-columns')).toContain('left out, since its key was destroyed');
});

const INDEXED = '\n[[blind-indexes]]\nid = "users.phone.index"\nof = "users.phone"\ncolumn = "number_index"\n';

interface Panel {
  readonly project: Project;
  readonly file: string;
  readonly run: (...args: string[]) => Promise<Outcome>;
  readonly done: (...args: string[]) => Promise<Outcome>;
}

/** Two tenants, 7 and 8, whose numbers are encrypted under their own keys. */
async function panelOf(settings = ''): Promise<Panel> {
  const project = await initialisedProject();
  const file = project.path('app.db');
  const database = new DatabaseSync(file);
  database.exec(`CREATE TABLE phone (id INTEGER PRIMARY KEY, org_id INTEGER NOT NULL, number TEXT, number_index TEXT); INSERT INTO phone VALUES (1, 7, '${CANARY}-7', NULL), (2, 8, '${CANARY}-8', NULL)`);
  database.close();
  const columns = `[databases.app]\nurl = "sqlite:${file}"\n\n[[columns]]\nid = "users.phone"\ndatabase = "app"\ntable = "phone"\ncolumn = "number"\ncontext = ["org_id"]\ntenant = "org_id"\ntenant-key = "own"\n`;
  const run = (...args: string[]): Promise<Outcome> => project.run(args);
  const done = async (...args: string[]): Promise<Outcome> => {
    const outcome = await run(...args);
    expect(outcome.status, `${args.join(' ')}: ${outcome.stderr}`).toBe(0);
    return outcome;
  };
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n${columns}`);
  await done('tenant', 'own-key', '--from-columns');
  await done('column', 'encrypt');
  writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}${settings}`);
  return { project, file, run, done };
}

interface Certificates {
  readonly certificates: readonly { readonly keyIsBack?: boolean; readonly notCovered: { readonly columns: readonly { readonly id: string; readonly why: string }[]; readonly plaintextHandedOut: string } }[];
}

async function certificatesOf({ done }: Panel): Promise<Certificates['certificates']> {
  return (JSON.parse((await done('tenant', 'certificate', '7', '--json')).stdout) as Certificates).certificates;
}

test('[W10] a certificate names the blind index of a covered column, which still tells of the values', async () => {
  const panel = await panelOf(INDEXED);
  await panel.done('column', 'index', 'build');
  const shred = await panel.done('tenant', 'shred', '7', '--yes');
  expect(shred.stdout).toContain('  users.phone.index: a blind index of users.phone: it tells equal values');
  const [certificate] = await certificatesOf(panel);
  expect(certificate!.notCovered.columns).toEqual([{ id: 'users.phone.index', why: expect.stringContaining('in copies of the database for good') as unknown }]);
});

test('[W10] a certificate claims nothing of rows that were not counted: they may be under the shared key', async () => {
  const panel = await panelOf();
  writeFileSync(panel.file, 'no database');
  await panel.done('tenant', 'shred', '7', '--yes');
  expect((await certificatesOf(panel))[0]!.notCovered.columns).toEqual([{ id: 'users.phone', why: 'rows not counted: those that were not under its key yet stay readable' }]);
});

test('[W10] a certificate names an export that was killed before it ended, by its intent', async () => {
  const panel = await panelOf();
  const database = new DatabaseSync(panel.file);
  database.exec("INSERT INTO phone (org_id, number) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT 7, 'plain ' || i FROM n");
  database.close();
  const { directory: cwd, env } = panel.project;
  const child = spawn(process.execPath, [LOCKFAST, 'column', 'export', '--tenant', '7', '--yes', '--reason', 'r'], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  // It waits for a reader then: megabytes fit into no pipe.
  child.stdout.once('data', () => child.stdout.pause());
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  expect(await ended).toEqual([null, 'SIGKILL']);
  await panel.done('tenant', 'shred', '7', '--yes');
  const at = (await ledgerEntries(panel.project)).findIndex(({ operation, kind }) => operation === 'column-export' && kind === 'intent') + 1;
  expect((await certificatesOf(panel))[0]!.notCovered.plaintextHandedOut).toBe(String(at));
});

test('[W8] [W10] a backup without a tenant\'s key, or without an index key, does not take the place of the ring before that is said twice; one with a destroyed key says so', async () => {
  const panel = await panelOf(INDEXED);
  const { project, run, done } = panel;
  project.write('../passphrase', 'six words that nobody will guess today\n', 0o400);
  const passphrase = ['--passphrase-file', `${project.base}/passphrase`];
  const first = `${project.base}/first.backup`;
  await done('key', 'backup', first, ...passphrase);
  await done('tenant', 'own-key', 'zoë');
  await done('column', 'index', 'build');
  const [{ id }] = (JSON.parse(project.text('.lockfast/keyring.json')) as { indexes: [{ id: string }] }).indexes;
  const before = project.text('.lockfast/keyring.json');
  const refused = await run('key', 'restore', first, '--force', ...passphrase);
  expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining(`has keys that would be lost: ${id}, of the tenant zo%C3%AB; it was left alone`)]);
  expect(project.text('.lockfast/keyring.json')).toBe(before);
  expect(JSON.parse((await run('key', 'restore', first, '--drill', '--json', ...passphrase)).stdout)).toMatchObject({ ok: false, lacking: [id, 'of the tenant zo%C3%AB'] });

  const second = `${project.base}/second.backup`;
  await done('key', 'backup', second, ...passphrase);
  await done('tenant', 'shred', '7', '--yes');
  expect((await certificatesOf(panel))[0]!.keyIsBack).toBeUndefined();
  expect((await done('key', 'restore', second, '--force', ...passphrase)).stderr).toContain('keys that were destroyed are there again, of 7: what those tenants had decrypts until `lockfast tenant shred` is run again');
  expect((await certificatesOf(panel))[0]!.keyIsBack).toBe(true);
  await done('tenant', 'shred', '7', '--yes');
  expect((await certificatesOf(panel)).map(({ keyIsBack }) => keyIsBack)).toEqual([undefined, undefined]);
});

/** Persons behind sudo can only be played by root, and where nobody has logged in. */
const missingForPersons = !isRoot ? 'needs root' : loginUid() === undefined ? undefined : 'needs a session without a login';

test.skipIf(missingForPersons !== undefined)('[S8] [W10] an approved export is for that tenant: another one is another request, and who approves sees whose values they are', async () => {
  const { project } = await panelOf('\n[roles]\nadmin = ["daemon", "games", "root"]\n[approvals]\nkey = 2\n');
  const as = (person: string, ...args: string[]): Promise<Outcome> => project.run(args, { env: { SUDO_USER: person } });
  const asked = await as('daemon', 'column', 'export', '--tenant', '7', '--yes', '--reason', 'r');
  const [, id] = /lockfast key approve ([a-z2-9]{8})/.exec(asked.stderr) ?? [];
  expect((await as('games', 'key', 'approve')).stdout).toContain('column-export (tenant=7 format=json out=standard output)');
  expect(await as('games', 'key', 'approve', id!, '--yes')).toMatchObject({ status: 0 });
  const other = await as('daemon', 'column', 'export', '--tenant', '8', '--yes', '--reason', 'r');
  expect([other.status, other.stdout]).toEqual([1, '']);
  expect(other.stderr).toContain('waits for a second person');
  expect((await as('daemon', 'column', 'export', '--tenant', '7', '--yes', '--reason', 'r')).stdout).toContain(`${CANARY}-7`);
});
