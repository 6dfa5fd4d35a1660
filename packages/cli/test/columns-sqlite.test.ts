/** `lockfast column ...` on a real SQLite file, with an application's connection open beside it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { describe, expect, onTestFinished, test } from 'vitest';

import { PANEL, PANEL_TABLES } from './support/columns.ts';
import { ledgerEntries } from './support/ledger.ts';
import { initialisedProject, type Outcome, type Project } from './support/project.ts';

const CANARY = 'canary-5c77aa';
const ROWS = `${PANEL_TABLES}
INSERT INTO two_factor VALUES (1, 'admin', 1, '${CANARY}-a'), (2, 'john', 1, '${CANARY}-b'), (3, 'eve', 2, NULL), (4, 'empty', 2, '');
INSERT INTO webhook VALUES (1, 'GitHub Deploy Hook', '${CANARY}-hook');`;
const PLAIN = [`1:${CANARY}-a`, `2:${CANARY}-b`, '3:NULL', '4:', `w1:${CANARY}-hook`];

interface FileProject {
  readonly project: Project;
  readonly application: DatabaseSync;
  readonly all: () => string[];
  readonly done: (args: readonly string[]) => Promise<Outcome>;
  readonly json: <T>(args: readonly string[]) => Promise<T>;
}

async function aFileProject(): Promise<FileProject> {
  const project = await initialisedProject();
  mkdirSync(project.path('data'));
  const application = new DatabaseSync(project.path('data/app.db'), { timeout: 5000 });
  onTestFinished(() => application.close());
  application.exec(`PRAGMA journal_mode = WAL; ${ROWS}`);
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n${PANEL.replace('env:DATABASE_URL', 'sqlite:data/app.db')}`, 0o644);
  return {
    project,
    application,
    all: () =>
      application
        .prepare("SELECT id || ':' || coalesce(secret, 'NULL') AS line FROM two_factor UNION ALL SELECT 'w' || id || ':' || secret FROM webhook ORDER BY 1")
        .all()
        .map(({ line }) => String(line)),
    done: async (args) => {
      const outcome = await project.run(args, { patience: 60_000 });
      expect([outcome.status, outcome.signal], `${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`).toEqual([0, null]);
      return outcome;
    },
    json: async <T>(args: readonly string[]): Promise<T> => JSON.parse((await project.run([...args, '--json'], { patience: 60_000 })).stdout) as T,
  };
}

interface Status {
  readonly columns: readonly { readonly id: string; readonly rows: number; readonly null: number; readonly plaintext: number; readonly keys: Readonly<Record<string, number>>; readonly unknown: number }[];
}

describe('columns of a SQLite file', { timeout: 120_000 }, () => {
  test('[W3] [W4] [D3] encrypt, status, rotate, verify, triage, clear and decrypt', async () => {
    const { project, application, all, done, json } = await aFileProject();
    expect((await done(['doctor'])).stdout).toMatch(/database app +good/);
    expect((await json<Status>(['column', 'status'])).columns).toMatchObject([{ rows: 4, null: 1, plaintext: 3 }, { rows: 1, plaintext: 1 }]);

    const dry = await done(['column', 'encrypt', '--dry-run', '--verbose']);
    expect(dry.stdout).toContain('Would be encrypted for john\n');
    expect(all()).toEqual(PLAIN);
    const real = await done(['column', 'encrypt', '--verbose', '--reason', 'ticket 4711']);
    expect(real.stderr).toContain(`in sqlite:${project.path('data/app.db')}, under the key`);
    expect(real.stdout).toContain('✓ Encrypted for GitHub Deploy Hook\n');
    expect(real.stdout).toMatch(/still in the files of the database: in .* until VACUUM, in its write-ahead log .*\n {2}VACUUM;\n {2}PRAGMA wal_checkpoint\(TRUNCATE\);\n$/);
    expect(real.stdout).not.toMatch(/psql|ANALYZE/);
    // What is said to help does.
    application.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    // By another process: whoever opens and closes the file in this one gives up the locks of its connection.
    expect(spawnSync('grep', ['-rlaF', CANARY, project.path('data')], { encoding: 'utf8' }).stdout).toBe('');
    expect(readdirSync(project.path('data')).toSorted()).toEqual(['app.db', 'app.db-shm', 'app.db-wal']);
    const stored = all();
    expect(stored.filter((line) => /:lfv1\./.test(line))).toHaveLength(4);
    await done(['column', 'encrypt']);
    expect(all()).toEqual(stored);

    await done(['key', 'rotate']);
    expect((await done(['column', 'rotate', '--reason', 'quarterly'])).stdout).toContain('✓ All values of 2 columns are');
    const { keys } = await json<{ keys: { id: string; state: string }[] }>(['key', 'list']);
    const active = keys.find(({ state }) => state === 'active')!.id;
    expect((await json<Status>(['column', 'status', '--verify', 'all'])).columns).toMatchObject([{ keys: { [active]: 3 }, unknown: 0 }, { keys: { [active]: 1 }, unknown: 0 }]);
    expect((await done(['column', 'verify'])).stdout).toContain('3 of 4 rows open; 1 without a value');

    // Moved to another organisation, it opens no more, and triage knows what opens it; damaged, nothing does.
    application.exec("UPDATE two_factor SET org = 2 WHERE id = 1; UPDATE webhook SET secret = substr(secret, 1, 60)");
    const triage = await project.run(['column', 'triage'], { patience: 60_000 });
    expect(triage.status, triage.stdout + triage.stderr).toBe(1);
    expect(triage.stdout).toMatch(/two_factor\.secret +1 +admin +wrong context, or corrupt .*the context of row 2/);
    expect((await done(['column', 'clear', 'webhook.secret', '--unrecoverable', '--keep', project.path('kept.jsonl'), '--yes', '--reason', 'gone'])).stdout).toContain('Emptied: 1\n');
    expect(statSync(project.path('kept.jsonl')).mode & 0o777).toBe(0o600);
    application.exec('UPDATE two_factor SET org = 1 WHERE id = 1; DELETE FROM webhook');

    await done(['column', 'decrypt', '--to-plaintext', '--yes', '--reason', 'rollback']);
    expect(all()).toEqual([`1:${CANARY}-a`, `2:${CANARY}-b`, '3:NULL', '4:']);
    const entries = (await ledgerEntries(project)).filter(({ object }) => object === 'two_factor.secret' || object === 'webhook.secret').map(({ operation }) => operation);
    expect([...new Set(entries)]).toEqual(['column-encrypt-dry-run', 'column-encrypt', 'column-rotate', 'column-clear', 'column-decrypt']);
    expect(JSON.stringify(await ledgerEntries(project))).not.toContain(CANARY);
    expect(application.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 'lockfast%'").all()).toEqual([]);
  });

  test('the path begins at the directory of lockfast.toml; a file that is not there is not made, and doctor says so', async () => {
    const { project } = await aFileProject();
    project.write('lockfast.toml', project.text('lockfast.toml').replace('sqlite:data/app.db', 'sqlite:data/other.db'), 0o644);
    expect((await project.run(['doctor'])).stdout).toMatch(/database app +failed +there is no file .*\/data\/other\.db/);
    const { status, stderr } = await project.run(['column', 'encrypt'], { patience: 60_000 });
    expect(status).not.toBe(0);
    expect(stderr).toContain(`there is no database sqlite:${project.path('data/other.db')}`);
    expect(existsSync(project.path('data/other.db'))).toBe(false);
  });

  test('[W5] what a job can not work on is refused, with what to do, and the file stays as it is', async () => {
    const { project, application, all } = await aFileProject();
    application.exec('BEGIN EXCLUSIVE; ROLLBACK; CREATE VIEW v AS SELECT * FROM webhook; CREATE TABLE typed (id INTEGER PRIMARY KEY, secret STRING)');
    const said = async (settings: string): Promise<Pick<Outcome, 'status' | 'stderr'>> => {
      const text = project.text('lockfast.toml');
      project.write('lockfast.toml', text.replace(/\[\[columns\]\][\s\S]*$/, `[[columns]]\nid = "x.secret"\ndatabase = "app"\ncolumn = "secret"\n${settings}`), 0o644);
      const { status, stderr } = await project.run(['column', 'encrypt'], { patience: 60_000 });
      expect(stderr).not.toContain(CANARY);
      return { status, stderr };
    };
    expect(await said('table = "v"\n')).toMatchObject({ status: 2, stderr: expect.stringContaining('v is a view, not a table') as string });
    expect(await said('table = "typed"\n')).toMatchObject({ status: 2, stderr: expect.stringContaining('of type STRING, in which SQLite makes numbers of texts') as string });
    expect(await said('table = "webhook"\nset = { "app.rotation" = "on" }\n')).toMatchObject({ status: 2, stderr: expect.stringContaining('SQLite has none that a trigger could look at') as string });
    expect(await said('table = "other.webhook"\n')).toMatchObject({ status: 2, stderr: expect.stringContaining('a database that the application attaches') as string });
    application.exec("CREATE TRIGGER up AFTER UPDATE ON webhook BEGIN UPDATE webhook SET secret = upper(NEW.secret) WHERE id = NEW.id; END");
    expect(await said('table = "webhook"\n')).toMatchObject({ stderr: expect.stringContaining("WHEN NEW.secret NOT LIKE 'lfv1.%'") as string });
    expect(all()).toEqual(PLAIN);
  });

  test('[W5] another program that reads and writes the file by the sqlite3 of Python is neither kept out nor overwritten', async () => {
    const { project, application, done } = await aFileProject();
    application.exec("WITH RECURSIVE n(v) AS (VALUES (10) UNION ALL SELECT v + 1 FROM n WHERE v < 3000) INSERT INTO two_factor SELECT v, 'u' || v, 1, 'secret ' || v FROM n");
    const writing = `import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
for n in range(200):
    c.execute("UPDATE two_factor SET secret = ? WHERE id = ?", ("python %d" % n, 10 + n * 14))
print(c.execute("SELECT count(*) FROM two_factor WHERE id >= 10").fetchone()[0])`;
    const encrypting = done(['column', 'encrypt', 'two_factor.secret', '--batch', '20']);
    const rows = execFileSync('python3', ['-c', writing, project.path('data/app.db')], { encoding: 'utf8' });
    await encrypting;
    expect(rows.trim()).toBe('2991');
    await done(['column', 'encrypt', 'two_factor.secret']);
    await done(['column', 'decrypt', 'two_factor.secret', '--to-plaintext', '--yes', '--reason', 'test']);
    const wrong = application
      .prepare('SELECT id, secret FROM two_factor WHERE id >= 10')
      .all()
      .filter(({ id, secret }) => secret !== ((Number(id) - 10) % 14 === 0 && (Number(id) - 10) / 14 < 200 ? `python ${(Number(id) - 10) / 14}` : `secret ${String(id)}`));
    expect(wrong).toEqual([]);
  });
});
