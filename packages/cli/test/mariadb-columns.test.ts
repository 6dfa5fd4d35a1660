/** `lockfast column ...` on a real MariaDB server. */
import { writeFileSync } from 'node:fs';

import { type MariadbServer, missingForMariadb, startMariadb } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { initialisedProject, type Outcome, type Project } from './support/project.ts';

const missing = missingForMariadb();
const CANARY = 'canary-41ab77';
const PASSWORD = 'mycanary-77c0d1e2';
const COLUMN = `
[databases.app]
url = "env:DATABASE_URL"

[[columns]]
id = "two_factor.secret"
title = "2FA TOTP Secrets"
database = "app"
table = "two_factor"
column = "secret"
context = ["org"]
label = "username"
`;
const TABLE = `CREATE TABLE two_factor (id int PRIMARY KEY, username varchar(40) NOT NULL, org int NOT NULL, secret longtext, changed timestamp NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP);
  INSERT INTO two_factor (id, username, org, secret) VALUES (1, 'admin', 1, '${CANARY}-a'), (2, 'john', 1, '${CANARY}-b €'), (3, 'eve', 2, NULL), (4, 'empty', 2, '');`;
const ALL = "SELECT concat(id, ':', coalesce(secret, 'NULL')) FROM two_factor ORDER BY id";
const PLAIN = `1:${CANARY}-a\n2:${CANARY}-b €\n3:NULL\n4:`;

describe.skipIf(missing !== undefined)(`columns on MariaDB${missing === undefined ? '' : ` (${missing})`}`, { timeout: 120_000 }, () => {
  let server: MariadbServer;
  beforeAll(async () => {
    if (missing !== undefined) return;
    server = await startMariadb('fast');
    server.sql('mysql', `CREATE DATABASE app; CREATE USER app@'%' IDENTIFIED BY '${PASSWORD}'; GRANT SELECT, UPDATE, CREATE, INSERT, DELETE ON app.* TO app@'%'`);
  }, 60_000);
  afterAll(async () => {
    if (missing === undefined) await server.stop();
  }, 30_000);

  async function panel(): Promise<{ readonly project: Project; readonly run: (...args: string[]) => Promise<Outcome>; readonly done: (...args: string[]) => Promise<string> }> {
    server.sql('app', `DROP TABLE IF EXISTS two_factor, lockfast_column_jobs; ${TABLE}`);
    const project = await initialisedProject();
    writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n${COLUMN}`);
    const env = { DATABASE_URL: server.url(`app:${PASSWORD}`, 'app').replace('mysql:', 'mariadb:') };
    const run = async (...args: string[]): Promise<Outcome> => {
      const outcome = await project.run(args, { env, patience: 60_000 });
      expect(`${outcome.stdout}${outcome.stderr}`).not.toContain(PASSWORD);
      expect(outcome.stderr).not.toContain('defect');
      return outcome;
    };
    return {
      project,
      run,
      done: async (...args) => {
        const { status, stdout, stderr } = await run(...args);
        expect([status, stderr.includes(CANARY)], `${args.join(' ')}: ${stdout}${stderr}`).toEqual([0, false]);
        return stdout;
      },
    };
  }

  test('[W3] [W4] [D4] encrypt, status, rotate, verify, triage and decrypt: as on PostgreSQL, and rows keep the time of their last change', async () => {
    const { done, run } = await panel();
    const active = async (): Promise<string> => (JSON.parse(await done('key', 'list', '--json')) as { keys: { id: string; state: string }[] }).keys.find(({ state }) => state === 'active')!.id;
    expect(await done('column', 'encrypt', '--dry-run', '--verbose')).toContain('Would be encrypted for john');
    expect(server.sql('app', ALL)).toBe(PLAIN);
    const encrypted = await done('column', 'encrypt', '--verbose', '--reason', 'ticket 1');
    expect(encrypted).toContain('✓ Encrypted for john');
    expect(encrypted).toMatch(/undo logs.*binary logs.*\n {2}OPTIMIZE TABLE two_factor;/);
    expect(server.sql('app', "SELECT count(*) FROM two_factor WHERE secret LIKE 'lfv1.%'")).toBe('3');
    expect(await done('column', 'status', '--verify', 'all')).toMatch(new RegExp(`two_factor\\.secret +4 +1 +0 +0 +0 +${await active()} 3`));
    const first = await active();
    await done('key', 'rotate', '--yes', '--reason', 'quarterly');
    await done('column', 'rotate', '--yes');
    expect(await active()).not.toBe(first);
    expect(server.sql('app', `SELECT count(*) FROM two_factor WHERE secret LIKE 'lfv1.${await active()}.%'`)).toBe('3');
    server.sql('app', "CREATE TABLE aside AS SELECT * FROM two_factor; UPDATE two_factor SET secret = concat(secret, 'x') WHERE id = 2");
    expect(await run('column', 'triage', 'two_factor.secret')).toMatchObject({ status: 1, stdout: expect.stringMatching(/john +wrong context, or corrupt/) });
    server.sql('app', 'UPDATE two_factor t JOIN aside a USING (id) SET t.secret = a.secret, t.changed = a.changed; DROP TABLE aside');
    await done('key', 'retire', first, '--reason', 'quarterly');
    await done('column', 'decrypt', 'two_factor.secret', '--to-plaintext', '--yes', '--reason', 'the end');
    expect(server.sql('app', ALL)).toBe(PLAIN);
    expect(server.sql('app', "SELECT count(*) FROM two_factor WHERE changed = '2020-01-01'")).toBe('4');
  });

  test('what a server says is reported without its words: a password that is wrong, a table that is not there', async () => {
    const { project, run } = await panel();
    const wrong = await project.run(['column', 'status'], { env: { DATABASE_URL: server.url('app:hunter2', 'app') } });
    expect([wrong.status, wrong.stderr]).toEqual([expect.any(Number), expect.stringMatching(/the database mysql:\/\/app@127\.0\.0\.1:\d+\/app: the server did not let this user in: check user and password/)]);
    expect(wrong.stderr).not.toContain('hunter2');
    server.sql('app', 'DROP TABLE two_factor');
    expect((await run('column', 'encrypt', '--yes')).stderr).toContain('there is no table two_factor, or this user may not see it: check its name');
  });
});
