/** What a person is told beside the work itself, on SQLite files: names, next steps, and one document of JSON whatever happens. */
import { readdirSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { instanceStatements } from '@lockfast/columns/instances';
import { describe, expect, test } from 'vitest';

import { initialisedProject, type Outcome, type Project } from './support/project.ts';

const CONTACTS = `
[databases.app]
url = "sqlite:app.db"
[databases.other]
url = "sqlite:other.db"

[[columns]]
id = "contact.phone"
database = "app"
table = "contact"
column = "phone"
context = ["org"]
label = "name"
tenant = "org"
tenant-key = "own"

[[columns]]
id = "token.value"
database = "other"
table = "token"
column = "value"
`;

const INDEX = `
[[blind-indexes]]
id = "contact.phone.index"
of = "contact.phone"
column = "phone_index"
`;

class Panel {
  readonly project: Project;

  private constructor(project: Project) {
    this.project = project;
  }

  static async start(settings: string): Promise<Panel> {
    const panel = new Panel(await initialisedProject());
    panel.sql('app.db', "CREATE TABLE contact (id INTEGER PRIMARY KEY, org TEXT NOT NULL, name TEXT, phone TEXT, phone_index TEXT); INSERT INTO contact VALUES (1, 'acme', '日本語', '1', NULL), (2, 'acme', 'bob', '2', NULL), (3, 'globex', 'eve', NULL, NULL), (4, 'globex', 'zoë', '4', NULL)");
    panel.sql('other.db', "CREATE TABLE token (id INTEGER PRIMARY KEY, value TEXT); INSERT INTO token VALUES (1, 't')");
    panel.project.write('lockfast.toml', `${panel.project.text('lockfast.toml')}${settings}`, 0o644);
    return panel;
  }

  sql(file: string, text: string): void {
    using database = new DatabaseSync(this.project.path(file));
    database.exec(text);
  }

  run(...args: string[]): Promise<Outcome> {
    return this.project.run(args, { patience: 60_000 });
  }

  async done(...args: string[]): Promise<string> {
    const outcome = await this.run(...args);
    expect(outcome.status, `${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`).toBe(0);
    return outcome.stdout;
  }

  async encrypted(): Promise<string> {
    await this.done('tenant', 'own-key', '--from-columns');
    return this.done('column', 'encrypt');
  }
}

describe('what commands over columns say', { timeout: 120_000 }, () => {
  test('[W5] column triage --json has the key of each row, beside the key of its value, and is one document when a database is not there', async () => {
    const panel = await Panel.start(CONTACTS);
    await panel.encrypted();
    const { keys } = JSON.parse(await panel.done('key', 'list', '--json')) as { keys: { id: string }[] };
    const { rows } = JSON.parse(await panel.done('column', 'triage', '--all', '--json')) as { rows: { key: string[]; keyId?: string }[] };
    expect(rows.map(({ key, keyId }) => [key, keyId])).toEqual([[['1'], keys[0]!.id], [['2'], keys[0]!.id], [['3'], undefined], [['4'], keys[0]!.id], [['1'], keys[0]!.id]]);

    panel.project.write('lockfast.toml', panel.project.text('lockfast.toml').replace('sqlite:other.db', 'sqlite:gone.db'), 0o644);
    const json = await panel.run('column', 'triage', '--all', '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ rows: [{ key: ['1'] }, { key: ['2'] }, { key: ['3'] }, { key: ['4'] }], error: { code: 'database-unavailable', message: expect.stringContaining('there is no database') as string } });
    const text = await panel.run('column', 'triage', '--all');
    expect([text.status, text.stderr]).toEqual([1, expect.stringContaining('there is no database')]);
    // Wide characters take two cells.
    expect(text.stdout).toMatch(/\ncontact\.phone {2}1 {4}日本語 {2}present key \w{6}\ncontact\.phone {2}2 {4}bob {5}present key /);
  });

  test('[W3] plaintext that is left is named by database; status names the rotation before the fence', async () => {
    const panel = await Panel.start(CONTACTS);
    expect(await panel.encrypted()).toMatch(/ files of the database app: [\s\S]* files of the database other: /);
    await panel.done('column', 'fence', 'token.value', '--yes');
    await panel.done('key', 'rotate', '--yes');
    const next = (await panel.done('column', 'status')).split('\n').filter((line) => line.startsWith('Next: '));
    expect(next).toEqual(['Next: lockfast column rotate contact.phone token.value, when every program has the key ring', 'Next: lockfast column fence token.value, when nothing is under the finished keys any more']);
    // Triggers look at changes of the value alone.
    const fence = await panel.run('column', 'fence', 'token.value', '--yes');
    expect([fence.status, fence.stderr]).toEqual([1, 'lockfast: 1 row of token.value would not pass: convert them first: lockfast column rotate token.value; then lockfast column fence token.value\n']);
    await panel.done('column', 'rotate');
    expect(await panel.done('column', 'status')).not.toContain('column rotate');
  });

  test('[B3] a rotation that has no files leaves no empty backup for the audit to wonder at', async () => {
    const panel = await Panel.start(CONTACTS);
    await panel.done('key', 'rotate', '--yes');
    expect(readdirSync(panel.project.path('.lockfast'))).not.toContain('backups');
  });

  test('[W10] after a shred: no other key by --from-columns, indexes are named, and a certificate only where there is one', async () => {
    const panel = await Panel.start(CONTACTS + INDEX);
    await panel.encrypted();
    await panel.done('column', 'index', 'build');
    const shred = await panel.done('tenant', 'shred', 'acme', '--yes', '--reason', 'over');
    expect(shred).toContain('\n  blind indexes over its values: whoever has the index key can test guesses by them; to empty them: lockfast column index build contact.phone.index\n');
    expect(shred).toContain('lockfast tenant certificate acme shows');
    expect(await panel.done('tenant', 'own-key', '--from-columns', '--dry-run')).toMatch(/^acme +2 +was destroyed\nglobex +1 +has one\n0 of 2 tenants would get/m);
    const again = await panel.done('tenant', 'own-key', '--from-columns');
    expect(again).toContain('0 tenants got a key of their own');
    expect(again).toContain('left out, since its key was destroyed: acme; one that comes back gets a key by its name: lockfast tenant own-key NAME\n');
    expect(again).not.toContain('next: bring key ring');
    expect(await panel.done('tenant', 'own-key', 'acme')).toContain('1 tenant got a key of its own');

    panel.project.write('lockfast.toml', panel.project.text('lockfast.toml').replace(/^ledger.*$/m, ''), 0o644);
    const unrecorded = await panel.run('tenant', 'shred', 'globex', '--yes');
    expect([unrecorded.status, unrecorded.stderr]).toEqual([0, 'lockfast: no certificate: lockfast.toml names no ledger\n']);
    expect(unrecorded.stdout).not.toContain('certificate');
  });

  test('[T4] where no application reports itself column instances says so', async () => {
    const panel = await Panel.start(CONTACTS.replace('sqlite:other.db"', 'sqlite:other.db"\ninstances = "lockfast_instances"'));
    panel.sql('other.db', instanceStatements('sqlite', 'lockfast_instances').create);
    expect(await panel.run('column', 'instances')).toMatchObject({ status: 0, stderr: expect.stringMatching(/^lockfast: no application reports itself: /) as string });
  });

  test('[W10] an export of somebody whom no row names says so: whoever asked would be told that nothing is kept', async () => {
    const panel = await Panel.start(CONTACTS);
    await panel.encrypted();
    expect((await panel.run('column', 'export', '--tenant', 'Acme', '--reason', 'ticket 1')).stderr).toContain('warning: no row is of this subject: look whether it is spelt as in the database');
    expect((await panel.run('column', 'export', '--tenant', 'acme', '--reason', 'ticket 1')).stderr).not.toContain('warning');
  });
});
