import { describe, expect, test } from 'vitest';

import { everyRow, expectRefusal } from '../postgres/a-database.ts';
import { aDatabase } from './a-database.ts';

describe('the table of a column in SQLite', () => {
  test('names are read as SQL reads them: schema, capitals, reserved words', async () => {
    const scratch = aDatabase(`CREATE TABLE "user" (id INTEGER PRIMARY KEY, "select" TEXT); CREATE TABLE "Org Users" ("Id" INTEGER PRIMARY KEY, "Org Id" INT, "a""b" TEXT); CREATE TABLE Straße (id INTEGER PRIMARY KEY, secret TEXT);
      INSERT INTO "user" VALUES (1, 'one'); INSERT INTO "Org Users" VALUES (2, 7, 'two'); INSERT INTO Straße VALUES (3, 'drei')`);
    for (const table of ['user', 'USER', '"User"', 'main.user', 'Main."user"', ' user ']) {
      expect(await (await scratch.table({ table, column: 'select' })).read(null, 10)).toEqual([{ key: ['1'], value: 'one', context: [], label: null }]);
    }
    expect(await (await scratch.table({ table: '"org users"', column: 'a"b', context: ['Org Id'], label: 'Org Id' })).read(null, 10)).toEqual([{ key: ['2'], value: 'two', context: ['7'], label: '7' }]);
    expect(await (await scratch.table({ table: 'straße' })).read(null, 10)).toHaveLength(1);
  });

  test('a table or a column that is not there is named, and what is', async () => {
    const scratch = aDatabase('CREATE TABLE Tenant (id INTEGER PRIMARY KEY, secret TEXT)');
    await expectRefusal(scratch.table({ table: 'nowhere' }), 'config-invalid', /no table nowhere$/, /`Tenant`/);
    await expectRefusal(scratch.table({ table: 'other.logins' }), 'config-invalid', /a database that the application attaches/, /a database of its own/);
    await expectRefusal(scratch.table({ table: 'temp.t' }), 'config-invalid', /attaches/, /./);
    await expectRefusal(scratch.table({ table: 'tenant', column: 'Secret' }), 'config-invalid', /Tenant has no column Secret/, /write it as secret/);
    await expectRefusal(scratch.table({ table: 'tenant', column: 'rowid' }), 'config-invalid', /no column rowid/, /./);
    await expectRefusal(scratch.table({ table: 'tenant', context: ['org'] }), 'config-invalid', /no column org/, /./);
    await expectRefusal(scratch.table({ table: 'tenant', label: 'title' }), 'config-invalid', /no column title/, /./);
    await expectRefusal(scratch.table({ table: 'tenant', key: ['no'] }), 'config-invalid', /no column no/, /./);
    await expectRefusal(scratch.table({ table: 'tenant', set: { 'app.rotation': 'on' } }), 'config-invalid', /has settings for triggers/, /leave `set` out/);
    await expectRefusal(aDatabase('').table({}), 'config-invalid', /no table t$/, /path of the database/);
  });

  test.each(['"half', 'a.b.c', 'one two', '', 't; DROP TABLE t', 'nul\0', '"nul\0"', "'t'", '[t]'])('%j is not a table', async (table) => {
    const scratch = aDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT)');
    await expectRefusal(scratch.table({ table }), 'config-invalid', /no table|not written as SQL/, /./);
    expect(scratch.sql('SELECT count(*) FROM t')).toBe('0');
  });

  test('what is no table of rows is refused, each by its kind', async () => {
    const scratch = aDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT); CREATE VIEW v AS SELECT * FROM t; CREATE VIRTUAL TABLE f USING fts5(secret); CREATE INDEX i ON t (secret); CREATE TEMP TABLE own (id INTEGER PRIMARY KEY, secret TEXT)');
    await expectRefusal(scratch.table({ table: 'v' }), 'config-invalid', /v is a view, not a table/, /./);
    await expectRefusal(scratch.table({ table: 'f' }), 'config-invalid', /f is a virtual table, not a table/, /./);
    await expectRefusal(scratch.table({ table: 'f_data' }), 'config-invalid', /f_data is a part of a virtual table/, /./);
    await expectRefusal(scratch.table({ table: 'sqlite_schema' }), 'config-invalid', /a table of SQLite itself/, /./);
    await expectRefusal(scratch.table({ table: 'i' }), 'config-invalid', /no table i/, /./);
    await expectRefusal(scratch.table({ table: 'own' }), 'config-invalid', /no table own/, /./);
  });

  test('types in which SQLite makes numbers of texts are refused, and generated columns are', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, s STRING, d DATETIME, r REAL, a ANY, u UUID, b BOOLEAN, g TEXT AS (id || 'x') STORED, w TEXT AS (id || 'x') VIRTUAL, secret TEXT, bytes BLOB);
      CREATE TABLE strict_table (id INTEGER PRIMARY KEY, a ANY, n INTEGER, secret TEXT) STRICT`);
    for (const column of ['n', 's', 'd', 'r', 'a', 'u', 'b']) await expectRefusal(scratch.table({ column }), 'config-invalid', new RegExp(`t\\.${column} is of type \\w+, in which SQLite makes numbers`), /TEXT, VARCHAR, BLOB or JSON/);
    for (const column of ['g', 'w']) await expectRefusal(scratch.table({ column }), 'config-invalid', /computed by the database/, /./);
    await expectRefusal(scratch.table({ column: 'bytes', path: ['a'] }), 'config-invalid', /of type BLOB, which has no path inside/, /as text/);
    await expectRefusal(scratch.table({ table: 'strict_table', column: 'n' }), 'config-invalid', /of type INTEGER/, /./);
    expect((await scratch.table({ table: 'strict_table', column: 'a' })).storage).toBe('text');
  });

  test('types that hold encrypted values', async () => {
    const scratch = aDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b VARCHAR(50), c CLOB, d NVARCHAR(20), e, f BLOB, g LONGBLOB, h JSON, i JSONB)');
    const storages = async (columns: string): Promise<readonly string[]> => await Promise.all(columns.split('').map(async (column) => (await scratch.table({ column })).storage));
    expect(await storages('abcde')).toEqual(['text', 'text', 'text', 'text', 'text']);
    expect(await storages('fghi')).toEqual(['binary', 'binary', 'json', 'json']);
    expect((await scratch.table({ column: 'b' })).room).toBeUndefined();
    for (const column of ['a', 'e', 'h', 'i']) expect((await scratch.table({ column, path: ['x'] })).storage).toBe('json');
  });

  test('a key is a primary key or a unique index, and tells every row apart', async () => {
    const scratch = aDatabase(`CREATE TABLE none (secret TEXT, a INT); CREATE TABLE unique_only (a INT NOT NULL, b TEXT NOT NULL, c TEXT, secret TEXT); CREATE UNIQUE INDEX i ON unique_only (a, b);
      CREATE UNIQUE INDEX part ON unique_only (c) WHERE c > 'x'; CREATE UNIQUE INDEX expression ON unique_only (lower(b)); CREATE UNIQUE INDEX mixed ON unique_only (a DESC, c);
      CREATE TABLE t (id TEXT PRIMARY KEY, secret TEXT); INSERT INTO t VALUES ('a', 's'), (NULL, 's'), (NULL, 's'); CREATE TABLE w (id TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID; CREATE TABLE down (id INTEGER PRIMARY KEY DESC, secret TEXT); INSERT INTO down VALUES (1, 's'), (2, 't')`);
    await expectRefusal(scratch.table({ table: 'none' }), 'config-invalid', /none has no primary key/, /add a unique index/);
    await expectRefusal(scratch.table({ table: 'unique_only' }), 'config-invalid', /no primary key/, /`key` what is unique there: a, b$/);
    expect((await scratch.table({ table: 'unique_only', key: ['b', 'a'] })).key).toEqual(['a', 'b']);
    for (const key of [['a'], ['c'], ['b'], ['a', 'c'], ['a', 'a']]) await expectRefusal(scratch.table({ table: 'unique_only', key }), 'config-invalid', /is not what a unique index is over/, /a, b/);
    await expectRefusal(scratch.table({}), 'config-invalid', /rows of t whose key column id is NULL/, /give each a key/);
    scratch.sql('DELETE FROM t WHERE id IS NULL');
    const table = await scratch.table({});
    scratch.sql("INSERT INTO t VALUES (NULL, 'later')");
    await expectRefusal(table.read(null, 10), 'config-invalid', /key column id is NULL/, /./);
    expect((await everyRow(await scratch.table({ table: 'down' }), 1)).map(({ key }) => key[0])).toEqual(['1', '2']);
    expect((await scratch.table({ table: 'w' })).key).toEqual(['id']);
    await expectRefusal(scratch.table({ table: 'w', key: ['secret'] }), 'config-invalid', /is not what a unique index is over/, /./);
  });

  test("a column is not its own key, context or label; a collation of the application's is refused", async () => {
    const scratch = aDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT UNIQUE, org TEXT)");
    await expectRefusal(scratch.table({ key: ['secret'] }), 'config-invalid', /part of its own key/, /./);
    await expectRefusal(scratch.table({ context: ['secret'] }), 'config-invalid', /part of its own context/, /./);
    await expectRefusal(scratch.table({ label: 'secret' }), 'config-invalid', /its own label/, /./);
    scratch.application.enableDefensive(false);
    scratch.application.exec("PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'secret TEXT UNIQUE', 'secret TEXT COLLATE german UNIQUE') WHERE name = 't'; PRAGMA writable_schema = RESET");
    await expectRefusal(scratch.table({ key: ['secret'], column: 'org' }), 'config-invalid', /sorted by a collation of the application's own \(german\)/, /another key/);
    // Where it is the value's own, it is not asked for.
    expect(await (await scratch.table({})).read(null, 10)).toEqual([]);
  });

  test('context and label are read as text, whatever they are', async () => {
    const scratch = aDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, c, l); INSERT INTO t VALUES (1, 's', 9007199254740993, 1.5), (2, 's', x'00ff', x'41'), (3, 's', NULL, NULL), (4, 's', 'text', 'long ' || hex(zeroblob(200)))");
    const table = await scratch.table({ context: ['c'], label: 'l' });
    const rows = await table.read(null, 10);
    expect(rows.map(({ context }) => context[0])).toEqual(['9007199254740993', '\\x00ff', null, 'text']);
    expect(rows.map(({ label }) => label?.length ?? null)).toEqual([3, 4, null, 200]);
    expect(await table.write(rows.map((row) => ({ row, value: 'new' })), undefined)).toEqual([true, true, true, true]);
  });
});
