/** Columns under tenants' own keys by command, on a real PostgreSQL server: to get there and back, the end of a tenant, and what can be handed out of one. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { missingForPostgres, PseudoTerminal } from '@lockfast/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

import { type ColumnProject, columnServer } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { LOCKFAST } from './support/project.ts';

const CANARY = 'canary-51fe2a';
const PG_DUMP = '/usr/lib/postgresql/15/bin/pg_dump';
const TABLES = `
CREATE TABLE phone (id int PRIMARY KEY, org_id int NOT NULL, name text NOT NULL, number text);
CREATE TABLE note (id int PRIMARY KEY, org_id int NOT NULL, body text);
CREATE TABLE log (id int PRIMARY KEY, body text);
INSERT INTO phone VALUES (1, 7, 'ada', '${CANARY}-7a'), (2, 8, 'bob', '${CANARY}-8'), (3, 7, 'cem', '${CANARY}-7b'), (4, 7, 'dan', NULL);
INSERT INTO note VALUES (1, 7, '${CANARY}-note'), (2, 8, '=${CANARY}-note');
INSERT INTO log VALUES (1, '${CANARY}-log');
`;
const SHARED = `
[databases.app]
url = "env:DATABASE_URL"

[[columns]]
id = "users.phone"
title = "Phones"
database = "app"
table = "phone"
column = "number"
context = ["org_id"]
tenant = "org_id"
label = "name"

[[columns]]
id = "users.note"
database = "app"
table = "note"
column = "body"
context = ["org_id"]

[[columns]]
id = "logs.body"
database = "app"
table = "log"
column = "body"
`;
const OWN = SHARED.replace('tenant = "org_id"', 'tenant = "org_id"\ntenant-key = "own"');
const PHONES = 'SELECT number FROM phone ORDER BY id';

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`columns of tenants${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  const databases = columnServer();

  function settings({ project }: ColumnProject, from: string, to: string): void {
    const text = project.text('lockfast.toml');
    expect(text).toContain(from);
    writeFileSync(project.path('lockfast.toml'), text.replace(from, to));
  }

  /** With a key for each of the two tenants, and everything encrypted. */
  async function encrypted(): Promise<ColumnProject> {
    const panel = await databases.project(TABLES, OWN);
    await panel.done(['tenant', 'own-key', '--from-columns']);
    await panel.done(['column', 'encrypt']);
    return panel;
  }

  test('[W10] [D7] encrypt refuses up front while a tenant has no key, names them and what to run; then each tenant has its own', async () => {
    const panel = await databases.project(TABLES, OWN);
    const before = panel.sql(PHONES);
    const refused = await panel.run(['column', 'encrypt', 'users.phone']);
    expect([refused.status, refused.stderr]).toEqual([3, expect.stringContaining("users.phone: 2 tenants have no key of their own: 7 (2), 8 (1); nothing was changed: run `lockfast tenant own-key --from-columns`, then this again")]);
    expect(panel.sql(PHONES)).toEqual(before);

    const dry = await panel.done(['tenant', 'own-key', '--from-columns', '--dry-run']);
    expect(dry.stdout).toBe('TENANT  ROWS  KEY\n7       2     would get one\n8       1     would get one\n2 of 2 tenants would get a key of their own; nothing was changed\n');
    expect((await panel.run(['column', 'encrypt', 'users.phone'])).status).toBe(3);
    expect(await panel.json(['tenant', 'own-key', '7'])).toMatchObject({ made: ['7'] });
    expect((await panel.run(['column', 'encrypt', 'users.phone'])).stderr).toContain('a tenant has no key of its own: 8 (1); nothing was changed: run `lockfast tenant own-key 8`, then this again');
    expect(await panel.json(['tenant', 'own-key', '--from-columns'])).toMatchObject({ tenants: ['7', '8'], made: ['8'] });

    expect((await panel.done(['column', 'encrypt', 'users.phone'])).stdout).toContain('Newly encrypted: 3');
    expect((await panel.done(['column', 'encrypt', 'users.phone'])).stdout).toContain('Already encrypted: 3');
    expect((await panel.done(['column', 'verify', 'users.phone'])).stdout).toContain('3 of 4 rows open');
    await panel.done(['key', 'rotate']);
    expect((await panel.done(['column', 'rotate', 'users.phone'])).stdout).toContain('Successfully rotated: 3');
    // A value in the row of another tenant is under another key, and triage knows whose it is.
    panel.sql('UPDATE phone SET number = (SELECT number FROM phone WHERE id = 1) WHERE id = 2');
    const triage = await panel.run(['column', 'triage', 'users.phone']);
    expect([triage.status, triage.stdout]).toEqual([1, expect.stringMatching(/users.phone +2 +bob +unknown key \(wrong-key, names \w{6}\) +the context of row 1, as users.phone/)]);
    panel.sql('DELETE FROM phone WHERE id = 2');
    await panel.done(['column', 'decrypt', 'users.phone', '--to-plaintext', '--yes']);
    expect(panel.sql(PHONES)).toEqual([`${CANARY}-7a`, `${CANARY}-7b`]);
  });

  test('[W10] a column moves from the shared key to tenants\' own, and back, by rotate', async () => {
    const panel = await databases.project(TABLES, SHARED);
    await panel.done(['column', 'encrypt']);
    settings(panel, 'tenant = "org_id"\n', 'tenant = "org_id"\ntenant-key = "own"\n');
    await panel.done(['column', 'verify', 'users.phone']);
    expect((await panel.run(['column', 'rotate', 'users.phone'])).stderr).toContain('2 tenants have no key of their own');
    await panel.done(['tenant', 'own-key', '--from-columns']);
    expect((await panel.done(['column', 'rotate', 'users.phone'])).stdout).toContain('Successfully rotated: 3');
    expect((await panel.done(['column', 'rotate', 'users.phone'])).stdout).toContain('Successfully rotated: 0');
    const own = panel.sql(PHONES);
    settings(panel, 'tenant-key = "own"', 'tenant-key = "shared"');
    expect((await panel.done(['column', 'rotate', 'users.phone'])).stdout).toContain('Successfully rotated: 3');
    expect(panel.sql(PHONES).filter((value, i) => value !== own[i])).toHaveLength(3);
    settings(panel, 'tenant = "org_id"\ntenant-key = "shared"\n', '');
    expect((await panel.done(['column', 'verify', 'users.phone'])).stdout).toContain('3 of 4 rows open');
  });

  test('[W10] [D7] a dump from before the shred, restored, does not open for the tenant under the present ring; another tenant\'s rows do', async () => {
    const panel = await encrypted();
    const dumped = spawnSync(PG_DUMP, ['--inserts', '--dbname', panel.url], { encoding: 'utf8' });
    expect([dumped.status, dumped.stderr]).toEqual([0, '']);
    expect(dumped.stdout).not.toContain(CANARY);

    expect((await panel.run(['tenant', 'shred', '7'])).stderr).toContain('remove 0 encrypted files of it, which makes 2 rows of users.phone unreadable for good');
    const stored = panel.sql(PHONES);
    const shred = await panel.done(['tenant', 'shred', '7', '--yes', '--reason', 'ticket 4711']);
    expect(shred.stdout).toContain('covered: 2 rows of it in users.phone, and in every copy of the database; to empty them: lockfast column clear users.phone --shredded');
    expect(shred.stdout).toContain('  users.note: shared key, rows not counted\n  logs.body: shared key, rows not counted\n');
    expect(panel.sql(PHONES)).toEqual(stored);

    panel.sql('DROP TABLE phone; DROP TABLE note; DROP TABLE log; DROP SCHEMA lockfast CASCADE');
    // psql's own words of a newer pg_dump are none of SQL's.
    panel.sql(dumped.stdout.replaceAll(/^\\.*$/gm, ''));
    expect(panel.sql('SELECT number FROM public.phone ORDER BY id')).toEqual(stored);
    const verify = await panel.done(['column', 'verify', 'users.phone']);
    expect(verify.stdout).toContain('1 of 4 rows open; 1 without a value, 2 of tenants whose keys were destroyed: 7 2');
    const { rows } = await panel.json<{ rows: { label: string; kind: string; shredded?: string }[] }>(['column', 'triage', 'users.phone', '--all']);
    expect(rows.map(({ label, kind, shredded }) => [label, kind, shredded !== undefined])).toEqual([
      ['ada', 'unreadable', true],
      ['bob', 'encrypted', false],
      ['cem', 'unreadable', true],
      ['dan', 'null', false],
    ]);
    const handed = await panel.done(['column', 'export', 'users.phone', '--tenant', '7', '--reason', 'to see']);
    expect(handed.stdout + handed.stderr).not.toContain(CANARY);
    expect(handed.stderr).toContain("2 rows can not be read by anybody: the tenant's key was destroyed");
    expect((await panel.done(['column', 'export', 'users.phone', '--tenant', '8', '--reason', 'to see'])).stdout).toContain(`${CANARY}-8`);
  });

  test('[W10] the certificate says what is covered and what is not, in the ledger and by command; a second run adds none', async () => {
    const panel = await encrypted();
    await panel.done(['column', 'export', 'users.phone', '--tenant', '7', '--reason', 'asked for']);
    await panel.done(['tenant', 'shred', '7', '--yes', '--reason', 'ticket 4711']);
    await panel.done(['tenant', 'shred', '7', '--yes']);
    const { certificates } = await panel.json<{ certificates: { entry: number; key: string }[] }>(['tenant', 'certificate', '7']);
    expect(certificates).toMatchObject([
      {
        reason: 'ticket 4711',
        environment: 'production',
        destroyed: expect.any(String) as unknown,
        covered: { columns: [{ id: 'users.phone', rows: 2 }], filesRemoved: 0 },
        notCovered: { columns: [{ id: 'logs.body', why: 'shared key, rows not counted' }, { id: 'users.note', why: 'shared key, rows not counted' }], recoveryBackup: 'none', plaintextHandedOut: expect.stringMatching(/^\d+$/) as unknown },
      },
    ]);
    const entry = (await ledgerEntries(panel.project))[certificates[0]!.entry - 1];
    expect(entry).toMatchObject({ operation: 'tenant-certificate', tenant: '7', outcome: 'success', details: { 'covered users.phone': 2 } });
    const { stdout } = await panel.done(['tenant', 'certificate', '7']);
    for (const words of ['was destroyed', 'users.phone: 2 rows', 'Not covered:', 'logs.body: shared key', 'recovery backups from before', 'lockfast ledger verify']) expect(stdout).toContain(words);
    await panel.done(['ledger', 'verify']);
    expect(await panel.run(['tenant', 'certificate', '8'])).toMatchObject({ status: 1, stderr: expect.stringContaining('the ledger has no certificate of the tenant 8') as unknown });
  });

  test('[W10] [D7] rows of a shredded tenant hold up no retirement, are counted apart, and are cleared when asked for, and only those', async () => {
    const panel = await encrypted();
    panel.sql("INSERT INTO phone SELECT 5, 8, 'eve', left(number, 40) FROM phone WHERE id = 2");
    await panel.done(['tenant', 'shred', '7', '--yes']);
    panel.sql('DELETE FROM phone WHERE id = 5');
    const { keys } = await panel.json<{ keys: { id: string; state: string }[] }>(['key', 'list']);
    const old = keys.find(({ state }) => state === 'active')!.id;
    await panel.done(['key', 'rotate']);
    const rotate = await panel.done(['column', 'rotate']);
    expect(rotate.stdout).toContain('Of tenants whose keys were destroyed, left as they are: 2');
    const usage = await panel.done(['key', 'usage']);
    expect(usage.stderr).toContain('2 rows of users.phone are under no key that is left: the keys of their tenants were destroyed');
    await panel.done(['key', 'retire', old]);
    // A key that is retired would open others; these it would not.
    const keep = join(panel.project.directory, 'kept.jsonl');
    expect(await panel.json(['column', 'clear', 'users.phone', '--unrecoverable', '--dry-run'])).toMatchObject({ unrecoverable: 0, shredded: 2, recoverable: 0 });
    expect((await panel.done(['column', 'clear', 'users.phone', '--shredded', '--keep', keep, '--yes'])).stdout).toContain('Emptied: 2');
    expect(panel.sql("SELECT id FROM phone WHERE number IS NULL ORDER BY id")).toEqual(['1', '3', '4']);
    expect(readFileSync(keep, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  test('[W10] a shred without the database says that rows were not counted, and a tenant may begin anew', async () => {
    const panel = await encrypted();
    const shred = await panel.done(['tenant', 'shred', '7', '--yes'], { env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } });
    expect(shred.stdout).toContain('covered: its values in users.phone, and in every copy of the database, not counted: ');
    expect((await panel.json<{ certificates: { covered: object }[] }>(['tenant', 'certificate', '7'])).certificates).toMatchObject([{ covered: { columns: [{ id: 'users.phone', rows: null }] } }]);
    // Counted later, it is on record, too.
    await panel.done(['tenant', 'shred', '7', '--yes']);
    await panel.done(['tenant', 'shred', '7', '--yes']);
    expect((await panel.json<{ certificates: { covered: object }[] }>(['tenant', 'certificate', '7'])).certificates).toHaveLength(2);
    await panel.done(['tenant', 'own-key', '7']);
    panel.sql(`INSERT INTO phone VALUES (9, 7, 'new', '${CANARY}-new')`);
    await panel.done(['column', 'encrypt', 'users.phone']);
    const exported = await panel.done(['column', 'export', 'users.phone', '--tenant', '7', '--reason', 'to see']);
    expect(exported.stdout).toContain(`${CANARY}-new`);
    expect(exported.stdout).not.toContain(`${CANARY}-7`);
  });

  test('[T1] [E4] export hands out one subject, on record before the first value, and nothing of it in the record', async () => {
    const panel = await encrypted();
    const { stdout, stderr } = await panel.done(['column', 'export', '--where-context', 'org_id=7', '--reason', 'access request 12']);
    const { subject, notLookedAt, columns } = JSON.parse(stdout) as { subject: object; notLookedAt: string[]; columns: { id: string; rows: { value: string; context: object; since?: string }[] }[] };
    expect([subject, notLookedAt, columns.map(({ id, rows }) => [id, rows.map(({ value }) => value)])]).toEqual([
      { context: { org_id: '7' } },
      ['logs.body'],
      [['users.phone', [`${CANARY}-7a`, `${CANARY}-7b`, null]], ['users.note', [`${CANARY}-note`]]],
    ]);
    expect(columns[0]!.rows[0]).toMatchObject({ label: 'ada', context: { org_id: '7' }, encrypted: true, since: expect.any(String) as unknown });
    expect(stderr).toContain('4 rows of 2 columns exported');
    expect(stderr).not.toContain(CANARY);
    const entries = (await ledgerEntries(panel.project)).filter(({ operation }) => operation === 'column-export');
    expect(entries).toMatchObject([{ kind: 'intent', object: 'users.phone users.note', reason: 'access request 12', details: { where: 'org_id=7', out: 'standard output' } }, { outcome: 'success', details: { rows: 4, unreadable: 0 } }]);
    expect(JSON.stringify(await ledgerEntries(panel.project))).not.toContain(CANARY);
  });

  test('[T1] export as CSV is safe in a spreadsheet; --out is a new file of mode 0600; what does not open is named, with status 1', async () => {
    const panel = await encrypted();
    const out = join(panel.project.directory, 'of-8.csv');
    await panel.done(['column', 'export', 'users.note', '--where-context', 'org_id=8', '--format', 'csv', '--out', out, '--reason', 'r']);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(readFileSync(out, 'utf8')).toMatch(new RegExp(`^column,key,label,context,encrypted,since,encoding,value,error\r\nusers\\.note,2,,"\\{""org_id"":""8""\\}",true,[^,]+,text,'=${CANARY}-note,\r\n$`));
    expect(await panel.run(['column', 'export', 'users.note', '--where-context', 'org_id=8', '--out', out, '--reason', 'r'])).toMatchObject({ status: 5, stdout: '', stderr: expect.stringContaining('exists already') as unknown });

    panel.sql('UPDATE phone SET number = left(number, 60) WHERE id = 3');
    const damaged = await panel.run(['column', 'export', '--tenant', '7', '--reason', 'r']);
    expect([damaged.status, damaged.stderr]).toEqual([1, expect.stringContaining('1 row not readable: users.phone 3: malformed')]);
    expect(JSON.parse(damaged.stdout)).toMatchObject({ columns: [{ rows: [{ value: `${CANARY}-7a` }, { value: null, error: 'malformed' }, { value: null }] }] });
  });

  test('[T1] an export that fails in its middle says so in its end, in its status and on standard error; --out leaves no file', async () => {
    const panel = await encrypted();
    const args = ['column', 'export', 'users.phone', 'users.note', '--where-context', 'org_id=7', '--reason', 'r'];
    expect(JSON.parse((await panel.done(args)).stdout)).toMatchObject({ complete: true });
    // The first column is out when the second one turns out not to be there.
    panel.sql('ALTER TABLE note RENAME TO notes');
    const cut = await panel.run(args);
    expect([cut.status, cut.stderr]).toEqual([expect.any(Number), expect.stringContaining('there is no table note')]);
    expect(cut.status).not.toBe(0);
    expect(JSON.parse(cut.stdout)).toMatchObject({ complete: false, error: { message: expect.stringContaining('there is no table note') as unknown }, columns: [{ id: 'users.phone', rows: [{}, {}, {}] }, { id: 'users.note', rows: [] }] });
    const csv = await panel.run([...args, '--format', 'csv']);
    expect(csv.status).toBe(cut.status);
    expect(csv.stdout.split('\r\n')).toEqual([expect.stringMatching(/^column,/), ...Array.from({ length: 3 }, () => expect.stringMatching(/^users\.phone,/) as string), expect.stringMatching(/^,{8}incomplete [a-z-]+$/), '']);
    const out = join(panel.project.directory, 'of-7.json');
    expect((await panel.run([...args, '--out', out])).status).toBe(cut.status);
    expect(existsSync(out)).toBe(false);
  });

  test.for<[readonly string[], string]>([
    [[], 'it needs --reason'],
    [['--reason', 'r'], 'it is not said whose values are meant'],
    [['--reason', 'r', '--tenant', ''], '--tenant names none'],
    [['--reason', 'r', '--tenant', '7', '--out', ''], '--out names no file'],
    [['--reason', 'r', '--where-context', 'org_id'], '--where-context is not NAME=VALUE'],
    [['--reason', 'r', '--where-context', 'nothing=1'], 'no such context column is declared'],
    [['--reason', 'r', '--tenant', '7', 'logs.body'], 'no `tenant` is declared'],
    [['--reason', 'r', '--tenant', '7', '--format', 'xml'], '--format'],
  ])('export %j is refused', async ([args, message]) => {
    const panel = await databases.project(TABLES, OWN);
    expect(await panel.run(['column', 'export', ...args])).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining(message) as unknown });
    expect((await ledgerEntries(panel.project)).some(({ operation }) => operation === 'column-export')).toBe(false);
  });

  test('[T1] [E4] export asks on a terminal, and is for admins; a refusal is on record', async () => {
    const panel = await encrypted();
    const terminal = new PseudoTerminal([process.execPath, LOCKFAST, 'column', 'export', '--tenant', '7', '--reason', 'r'], { cwd: panel.project.directory, env: { ...panel.project.env, DATABASE_URL: panel.url } });
    onTestFinished(() => terminal[Symbol.dispose]());
    await terminal.until('Hand out the decrypted values of the tenant 7 in 1 column? [y/N] ');
    terminal.type('n\n');
    const { status, shown } = await terminal.end();
    expect([status, shown.includes(CANARY)]).toEqual([2, false]);

    writeFileSync(panel.project.path('lockfast.toml'), `${panel.project.text('lockfast.toml')}\n[roles]\nadmin = ["daemon"]\noperator = ["root"]\n`);
    const refused = await panel.run(['column', 'export', '--tenant', '7', '--reason', 'r', '--out', panel.project.path('x.json')]);
    expect([refused.status, refused.stdout, refused.stderr]).toEqual([1, '', expect.stringContaining('is not an admin')]);
    expect(existsSync(panel.project.path('x.json'))).toBe(false);
    expect((await ledgerEntries(panel.project)).at(-1)).toMatchObject({ operation: 'column-export', outcome: 'refused', code: 'not-permitted' });
  });

  test.for<[string, string, string]>([
    ['tenant = "org_id"\n', '', "does not say whose a row is"],
    ['tenant = "org_id"', 'tenant = "name"', 'not among its context'],
    ['tenant-key = "own"', 'tenant-key = "each"', 'tenant-key'],
    ['tenant-key = "own"', 'tenant-key = "own"\nformat = "fernet"', "can not be under a tenant's own key"],
  ])('the declaration with %j as %j is refused', async ([from, to, message]) => {
    const panel = await databases.project(TABLES, OWN);
    settings(panel, from, to);
    expect(await panel.run(['column', 'status'])).toMatchObject({ status: 2, stderr: expect.stringContaining(message) as unknown });
  });
});
