/** What a job on MariaDB refuses before it begins, with what to do about it; and where and how it connects. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';

import { startMariadb } from '@lockfast/testkit';
import { describe, expect, onTestFinished, test } from 'vitest';

import type { ColumnTarget } from '../../../src/jobs/database.ts';
import { openMysqlColumns, remedyOf } from '../../../src/jobs/mysql/index.ts';
import { serverAccess } from '../../../src/jobs/mysql/server-access.ts';
import { theMariadb } from '../../databases/mariadb.ts';
import { aTarget, expectRefusal, refusalOf } from '../postgres/a-database.ts';
import { aMariadb, marked, missing, tableOf, withMariadb } from './a-database.ts';

withMariadb();

const TABLE = "CREATE TABLE t (id int PRIMARY KEY, secret longtext); INSERT INTO t VALUES (1, 'a'), (2, 'b')";

describe('the URL of a MySQL or MariaDB database', () => {
  test.each([
    ['mysql://app:pa55@db.example.com:3307/panel?ssl-mode=REQUIRED', 'mysql://app@db.example.com:3307/panel'],
    ['mariadb://app:pa55@localhost/panel?socket=/run/mysqld/mysqld.sock', 'mariadb://app@/run/mysqld/mysqld.sock/panel'],
    ['mysql://[::1]/panel', 'mysql://[::1]/panel'],
  ])('%j is shown without its password', (url, place) => {
    expect(serverAccess(url).place).toBe(place);
  });

  test.each([
    '',
    'panel',
    'postgres://app:pa55@db/panel',
    'mysql://app:pa55@db:port/panel',
    'mysql://app:pa55@db',
    'mysql://app:pa55@db/',
    'mysql://app:pa55@db/a/b',
    'mysql:///panel',
    'mysql://app:pa55@db/panel?ssl-mode=sure',
    'mysql://app:pa55@db/panel?ssl-mode=VERIFY_CA',
    'mysql://app:pa55@db/panel?ssl-mode=VERIFY_CA&ssl-ca=/no/such/file',
    'mysql://app:pa55@10.0.0.7/panel?ssl-mode=VERIFY_IDENTITY',
    'mysql://app:pa55@localhost/panel?socket=/run/s.sock&ssl-mode=VERIFY_IDENTITY',
    'mysql://app:pa55@db/panel?multipleStatements=true',
    'mysql://app:pa55@db/panel?flags=LOCAL_FILES',
    'mysql://app:pa55%@db/panel',
    'mysql://app:pa55@[::1/panel',
  ])('%j is refused, and nothing quotes its password', async (url) => {
    const error = await refusalOf(openMysqlColumns(url));
    expect(error.code).toBe('config-invalid');
    expect(inspect(error)).not.toContain('pa55');
  });

  test('a server may not ask for a file, and one statement is one', () => {
    const { config } = serverAccess('mysql://app:p%40%3F@h/d');
    expect(config).toMatchObject({ host: 'h', port: 3306, user: 'app', password: 'p@?', database: 'd', multipleStatements: false, flags: expect.arrayContaining(['-LOCAL_FILES', '-MULTI_STATEMENTS']) as string[] });
    expect(serverAccess('mysql://a@h/d?ssl-mode=verify_identity').config.ssl).toMatchObject({ rejectUnauthorized: true, verifyIdentity: true });
    expect(serverAccess('mysql://a@h/d?ssl-mode=REQUIRED').withoutTls).toBeUndefined();
  });
});

describe.skipIf(missing !== undefined)(`tables of MariaDB${missing === undefined ? '' : ` (${missing})`}`, () => {
  const REFUSED: readonly (readonly [string, string, Partial<ColumnTarget>, RegExp, RegExp])[] = [
    ['no such table', '', {}, /there is no table t/, /check its name/],
    ['a name that is none', TABLE, { table: 't; DROP TABLE t' }, /no name/, /DATABASE\.TABLE/],
    ['a view', `${TABLE.replaceAll(' t ', ' u ')}; CREATE VIEW t AS SELECT * FROM u`, {}, /is a view/, /name the table/],
    ['MyISAM, which has no transactions', TABLE.replace(');', ') ENGINE=MyISAM;'), {}, /kept by MyISAM/, /ENGINE = InnoDB/],
    ['a table that keeps what was', 'CREATE TABLE t (id int PRIMARY KEY, secret longtext) WITH SYSTEM VERSIONING', {}, /system-versioned/, /DROP SYSTEM VERSIONING/],
    ['a generated column', "CREATE TABLE t (id int PRIMARY KEY, a longtext, secret longtext AS (concat(a, '!')))", {}, /computed/, /computed from/],
    ['no key', 'CREATE TABLE t (id int, secret longtext)', {}, /no primary key/, /add a primary key/],
    ['a key on a part of a text', 'CREATE TABLE t (id varchar(200) NOT NULL, secret longtext, UNIQUE (id(10)))', { key: ['id'] }, /not what a unique index is over/, /add a primary key/],
    ['a key that may be NULL', 'CREATE TABLE t (id int UNIQUE, secret longtext)', { key: ['id'] }, /may be NULL/, /NOT NULL/],
    ['a key that is sorted otherwise than it is compared', "CREATE TABLE t (id enum('b', 'a') PRIMARY KEY, secret longtext)", {}, /enum, which is not sorted/, /another key/],
    ['a key of floating point', 'CREATE TABLE t (id double PRIMARY KEY, secret longtext)', {}, /double, which is not sorted/, /another key/],
    ['a column that is too narrow', 'CREATE TABLE t (id int PRIMARY KEY, secret varchar(99))', {}, /holds 99 characters/, /longtext/],
    ['a tinytext', 'CREATE TABLE u (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY, secret tinyblob NOT NULL, n int)', { column: 'n' }, /of type int, which holds no encrypted values/, /varchar/],
    ['a padded binary', 'CREATE TABLE t (id int PRIMARY KEY, secret binary(200))', {}, /of type binary/, /varbinary/],
    ['a character set of which not all comes back', 'CREATE TABLE t (id int PRIMARY KEY, secret longtext CHARACTER SET sjis)', {}, /character set sjis/, /utf8mb4/],
    ['a path in what is no JSON', TABLE, { path: ['a'] }, /no path inside/, /JSON_VALID/],
    ['a context of bytes', 'CREATE TABLE t (id int PRIMARY KEY, org binary(16), secret longtext)', { context: ['org'] }, /context column org .* is of type binary/, /BIN_TO_UUID/],
    ['its own context', TABLE, { context: ['SECRET'] }, /its own context/, /another context/],
    ['no such column', TABLE, { column: 'other' }, /no column other/, /check its name/],
  ];

  test.each(REFUSED)('%s is refused, with what to do', async (_, setUp, target, message, hint) => {
    await expectRefusal(tableOf(aMariadb(setUp), target), 'config-invalid', message, hint);
  });

  test('names are found as SQL spells them, in another database too', async () => {
    const database = aMariadb("CREATE TABLE `o``d.d` (id int PRIMARY KEY, `se``cret` longtext); INSERT INTO `o``d.d` VALUES (1, 'a')");
    const name = new URL(database.url).pathname.slice(1);
    for (const table of ['`o``d.d`', '"o`d.d"', `${name}.\`o\`\`d.d\``]) {
      const found = await tableOf(database, { table, column: 'se`cret' });
      expect(await found.write(await marked(found), undefined)).toEqual([true]);
    }
  });

  test('a server that is read-only is refused before anything is tried', async () => {
    const database = aMariadb(TABLE);
    database.sql('SET GLOBAL read_only = 1');
    onTestFinished(() => void database.sql('SET GLOBAL read_only = 0'));
    await expectRefusal((await database.open()).lock(aTarget({})), 'database-refused', /is read-only, as a replica is/, /name the primary/);
    const table = await tableOf(database);
    await expectRefusal(marked(table).then(async (changes) => await table.write(changes, undefined)), 'database-refused', /takes no writes now/, /primary/);
  });

  test('what keeps a job out is named, never the password; a socket is reached', async () => {
    const { port, socket } = theMariadb();
    const database = aMariadb(TABLE);
    const name = new URL(database.url).pathname.slice(1);
    const kept: readonly (readonly [string, string, RegExp, string])[] = [
      [`mysql://owner:hunter2@127.0.0.1:${port}/${name}`, 'database-refused', /did not let this user in/, 'none'],
      [`mysql://owner@127.0.0.1:${port}/nowhere`, 'database-refused', /may not do that|no such database/, 'none'],
      ['mysql://owner:hunter2@127.0.0.1:1/x', 'database-unavailable', /can not be reached.*ECONNREFUSED/, 'reconnect'],
      [`mysql://owner@127.0.0.1:${port}/${name}?ssl-mode=REQUIRED`, 'database-unavailable', /TLS could not be set up/, 'reconnect'],
    ];
    for (const [url, code, message, remedy] of kept) {
      const error = await refusalOf(openMysqlColumns(url));
      expect([error.code, error.message, remedyOf(error)]).toEqual([code, expect.stringMatching(message), remedy]);
      expect(inspect(error, { depth: 9 })).not.toContain('hunter2');
    }
    const local = await database.open(`mysql://root@localhost/${name}?socket=${socket}`);
    expect(await (await local.table(aTarget({}))).read(null, 10)).toHaveLength(2);
    expect([local.kind, local.abilities.replicationLag, await local.pressure()]).toEqual(['mysql', false, { replicationLagMs: undefined, lockWaiters: 0 }]);
  });

  test('TLS: preferred, required, and proven by an authority and a name', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-tls-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    const server = await startMariadb('fast', `--ssl-cert=${certificate}`, `--ssl-key=${key}`);
    onTestFinished(async () => await server.stop());
    server.sql('mysql', "CREATE USER app@'%' REQUIRE SSL; CREATE DATABASE d; GRANT ALL ON d.* TO app@'%'");
    const url = server.url('app', 'd');
    const named = url.replace('127.0.0.1', 'localhost');
    for (const good of [url, `${url}?ssl-mode=REQUIRED`, `${url}?ssl-mode=VERIFY_CA&ssl-ca=${certificate}`, `${named}?ssl-mode=VERIFY_IDENTITY&ssl-ca=${certificate}`]) await (await openMysqlColumns(good)).close();
    const other = join(directory, 'other.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(directory, 'other.key'), '-out', other, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
    for (const bad of [`${named}?ssl-mode=VERIFY_IDENTITY`, `${named}?ssl-mode=VERIFY_IDENTITY&ssl-ca=${other}`, `${url}?ssl-mode=VERIFY_CA&ssl-ca=${other}`]) {
      expect(await refusalOf(openMysqlColumns(bad)), bad).toMatchObject({ code: 'database-unavailable', message: expect.stringMatching(/TLS could not be set up/) as string });
    }
    expect((await refusalOf(openMysqlColumns(`${url}?ssl-mode=DISABLED`))).code).toBe('database-refused');
  }, 60_000);
});
