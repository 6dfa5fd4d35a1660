import { describe, expect, test } from 'vitest';

import { aDatabase, aTarget, everyRow, expectRefusal, missing, withServer } from './a-database.ts';

withServer();

describe.skipIf(missing !== undefined)(`the table of a column in PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('names are read as SQL reads them: schemas, capitals, reserved words, search_path', async () => {
    const scratch = aDatabase(`CREATE SCHEMA app; CREATE TABLE "user" (id int PRIMARY KEY, "select" text); CREATE TABLE app."User" ("Id" int PRIMARY KEY, "Org Id" int, "a""b" text);
      CREATE TABLE app.found ("order" int PRIMARY KEY, secret text);
      INSERT INTO "user" VALUES (1, 'one'); INSERT INTO app."User" VALUES (2, 7, 'two'); INSERT INTO app.found VALUES (3, 'three')`);
    expect(await (await scratch.table({ table: 'user', column: 'select' })).read(null, 10)).toEqual([{ key: ['1'], value: 'one', context: [], label: null }]);
    expect(await (await scratch.table({ table: ' app."User" ', column: 'a"b', context: ['Org Id'], label: 'Org Id' })).read(null, 10)).toEqual([{ key: ['2'], value: 'two', context: ['7'], label: '7' }]);
    const searched = await (await scratch.open(`${scratch.url}?options=-csearch_path%3Dapp`)).table(aTarget({ table: 'FOUND' }));
    expect(await searched.read(null, 10)).toEqual([{ key: ['3'], value: 'three', context: [], label: null }]);
    const change = (await searched.read(null, 10)).map((row) => ({ row, value: 'drei' }));
    expect(await searched.write(change, undefined)).toEqual([true]);
  });

  test('a table that is not there is named, and where one like it is', async () => {
    const scratch = aDatabase('CREATE TABLE "Tenant" (id int PRIMARY KEY, secret text); CREATE SCHEMA other; CREATE TABLE other.logins (id int PRIMARY KEY, secret text)');
    await expectRefusal(scratch.table({ table: 'Tenant' }), 'config-invalid', /no table Tenant$/, /`public\."Tenant"`/);
    await expectRefusal(scratch.table({ table: 'logins' }), 'config-invalid', /no table logins$/, /`other\.logins`/);
    await expectRefusal(scratch.table({ table: 'nowhere' }), 'config-invalid', /no table nowhere$/, /check its name/);
    await expectRefusal(scratch.table({ table: '"Tenant"', column: 'Secret' }), 'config-invalid', /public\.Tenant has no column Secret/, /without quotes/);
    await expectRefusal(scratch.table({ table: '"Tenant"', context: ['org'] }), 'config-invalid', /has no column org/, /./);
    await expectRefusal(scratch.table({ table: '"Tenant"', label: 'title' }), 'config-invalid', /has no column title/, /./);
    await expectRefusal(scratch.table({ table: '"Tenant"', key: ['no'] }), 'config-invalid', /has no column no/, /./);
  });

  test.each(['"half', 'a.b.c.d', 'one two', '', 't; DROP TABLE t', 'nul\0'])('%j is not a table', async (table) => {
    const scratch = aDatabase('CREATE TABLE t (id int PRIMARY KEY, secret text)');
    await expectRefusal(scratch.table({ table }), 'config-invalid', /no table|not written as SQL/, /./);
    expect(scratch.sql('SELECT count(*) FROM t')).toBe('0');
  });

  test('what is no table of rows is refused, each by its kind', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, secret text); CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE SEQUENCE s; CREATE TYPE c AS (secret text)`);
    scratch.sql("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE FOREIGN TABLE f (id int, secret text) SERVER files OPTIONS (filename '/dev/null')");
    for (const [table, kind] of [
      ['v', 'a view'],
      ['m', 'a materialized view'],
      ['f', 'a foreign table'],
      ['s', 'a sequence'],
      ['c', 'a composite type'],
      ['t_pkey', 'an index'],
    ]) {
      await expectRefusal(scratch.table({ table: table! }), 'config-invalid', new RegExp(`public\\.${table} is ${kind}, not a table`), /name the table/);
    }
  });

  test('column types that hold no encrypted value are refused, each with what to do', async () => {
    const scratch = aDatabase(`CREATE DOMAIN short AS varchar(60); CREATE DOMAIN shorter AS short; CREATE DOMAIN list AS text[]; CREATE DOMAIN padded AS char(500);
      CREATE TABLE t (id int PRIMARY KEY, n int, u uuid, a text[], l list, v varchar(99), c char(20), wide char(500), padded padded, d shorter, x xml, g text GENERATED ALWAYS AS (id::text) STORED, secret text)`);
    for (const column of ['n', 'u', 'a', 'l', 'x']) await expectRefusal(scratch.table({ column }), 'config-invalid', new RegExp(`t\\.${column} is of type \\w+, which holds no encrypted values`), /text, bytea, json or jsonb/);
    await expectRefusal(scratch.table({ column: 'v' }), 'config-invalid', /t\.v holds 99 characters at most, and an encrypted value has 100/, /^ALTER TABLE "public"\."t" ALTER COLUMN "v" TYPE text$/);
    await expectRefusal(scratch.table({ column: 'c' }), 'config-invalid', /20 characters at most/, /TYPE text/);
    await expectRefusal(scratch.table({ column: 'd' }), 'config-invalid', /60 characters at most/, /TYPE text/);
    // The server hands it out with blanks behind it, which no application takes for an encrypted value.
    for (const column of ['wide', 'padded']) await expectRefusal(scratch.table({ column }), 'config-invalid', /fills values up with blanks/, /TYPE text$/);
    await expectRefusal(scratch.table({ column: 'g' }), 'config-invalid', /computed by the database/, /./);
    await expectRefusal(scratch.table({ path: ['a'] }), 'config-invalid', /of type text, which has no path inside/, /leave the path out/);
    await expectRefusal(scratch.table({ context: ['secret'] }), 'config-invalid', /part of its own context/, /./);
    await expectRefusal(scratch.table({ label: 'secret' }), 'config-invalid', /is its own label/, /./);
    scratch.sql('ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (secret)');
    await expectRefusal(scratch.table({}), 'config-invalid', /part of its own key/, /./);
  });

  test('a key must be what a unique index is over, and never NULL', async () => {
    const scratch = aDatabase(`CREATE TABLE t (a int, b int NOT NULL, c int NOT NULL, d int NOT NULL, secret text, UNIQUE (a), UNIQUE (c, b) INCLUDE (a));
      CREATE UNIQUE INDEX ON t (b) WHERE d > 0; CREATE UNIQUE INDEX ON t ((d + 1)); CREATE UNIQUE INDEX ON t (c, d DESC)`);
    await expectRefusal(scratch.table({}), 'config-invalid', /public\.t has no primary key/, /declare as its `key` what is unique there: a; or c, b$/);
    await expectRefusal(scratch.table({ key: ['a'] }), 'config-invalid', /key column a of public\.t may be NULL/, /NOT NULL/);
    for (const key of [['b'], ['d'], ['c', 'd'], ['b', 'b'], ['b', 'c', 'd'], []]) await expectRefusal(scratch.table({ key }), 'config-invalid', /is not what a unique index is over/, /a; or c, b/);
    expect((await scratch.table({ key: ['b', 'c'] })).key).toEqual(['c', 'b']);
    const bare = aDatabase('CREATE TABLE t (a int, secret text)');
    await expectRefusal(bare.table({}), 'config-invalid', /no primary key/, /add a primary key/);
  });

  test('a partitioned table is read and written whole, along the key that holds over all partitions', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int, at date, secret text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
      INSERT INTO t SELECT n, date '2026-01-15' + 30 * (n % 2), 'secret ' || n FROM generate_series(1, 9) n; INSERT INTO t VALUES (5, '2026-01-02', 'another 5');
      CREATE TABLE loose (id int, at date, secret text) PARTITION BY RANGE (at); CREATE TABLE loose1 PARTITION OF loose (PRIMARY KEY (id)) DEFAULT;
      CREATE TABLE by_value (id int, secret text, PRIMARY KEY (id, secret)) PARTITION BY HASH (secret)`);
    const table = await scratch.table({});
    const rows = await everyRow(table, 3);
    expect(rows.map(({ key }) => Number(key[0]))).toEqual([1, 2, 3, 4, 5, 5, 6, 7, 8, 9]);
    expect(await table.write(rows.map((row) => ({ row, value: `${String(row.value)}!` })), undefined)).toEqual(rows.map(() => true));
    expect(scratch.sql("SELECT count(*) FROM t2 WHERE secret LIKE '%!'")).toBe('5');
    expect(await table.estimatedRows()).toBe(10);
    expect(await table.sample(100)).toHaveLength(10);
    await expectRefusal(scratch.table({ key: ['id'] }), 'config-invalid', /not what a unique index is over/, /id, at/);
    await expectRefusal(scratch.table({ table: 'loose', key: ['id'] }), 'config-invalid', /not what a unique index is over/, /add a primary key/);
    expect(await (await scratch.table({ table: 'loose1' })).read(null, 1)).toEqual([]);
    await expectRefusal(scratch.table({ table: 'by_value' }), 'config-invalid', /decides in which partition/, /./);
    scratch.sql("CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; CREATE TABLE mixed (id int, secret text) PARTITION BY RANGE (id); CREATE FOREIGN TABLE f PARTITION OF mixed DEFAULT SERVER files OPTIONS (filename '/dev/null')");
    await expectRefusal(scratch.table({ table: 'mixed' }), 'config-invalid', /partitions of public\.mixed are foreign tables/, /./);
  });

  test('tables that inherit from it are declared each for itself', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, secret text); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (t);
      INSERT INTO t VALUES (1, 'parent'); INSERT INTO child VALUES (1, 'child')`);
    await expectRefusal(scratch.table({}), 'config-invalid', /other tables inherit from public\.t/, /`ONLY t`/);
    const parent = await scratch.table({ table: 'only t' });
    expect(await parent.write((await parent.read(null, 5)).map((row) => ({ row, value: 'changed' })), undefined)).toEqual([true]);
    expect(await parent.sample(5)).toHaveLength(1);
    expect(scratch.sql('SELECT tableoid::regclass, secret FROM t ORDER BY 2')).toBe('t|changed\nchild|child');
    expect(await (await scratch.table({ table: 'child' })).read(null, 5)).toHaveLength(1);
  });

  test('a table whose rows are hidden from the role is refused, when it is looked up and when a policy comes later', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, owner text, secret text); INSERT INTO t VALUES (1, 'app', 'a'), (2, 'other', 'b'); GRANT SELECT, UPDATE ON t TO app`);
    const early = await (await scratch.open(scratch.urlOf('app'))).table(aTarget({ set: { row_security: 'on' } }));
    scratch.sql('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (owner = current_user)');
    await expectRefusal(early.read(null, 10), 'database-refused', /may not do that/, /./);
    await expectRefusal(early.census(), 'database-refused', /may not do that/, /./);
    const app = await scratch.open(scratch.urlOf('app'));
    await expectRefusal(app.table(aTarget({})), 'database-refused', /row security of public\.t may hide rows/, /BYPASSRLS/);
    expect(await (await scratch.table({})).read(null, 10)).toHaveLength(2);
  });
});
