import { Client } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';

import type { Ask } from '../../../src/jobs/postgres/connection.ts';
import { findShape } from '../../../src/jobs/postgres/table-shape.ts';
import { pageStatement, windowEndStatement, writeStatement } from '../../../src/jobs/postgres/table-statements.ts';
import { startOfPage, startOfWrite } from '../../../src/jobs/postgres/transaction-start.ts';
import { aDatabase, aTarget, everyRow, missing, type Scratch, withServer } from './a-database.ts';

withServer();

async function asking(scratch: Scratch): Promise<Ask> {
  const client = new Client({ connectionString: scratch.url });
  await client.connect();
  onTestFinished(async () => await client.end());
  return async (text, values = []) => (await client.query<unknown[]>({ text, values: [...values], rowMode: 'array' })).rows;
}

/** Text in the orders of languages, of a collation that folds case, and in that of bytes. */
const WORDS = "(VALUES ('a'), ('B'), ('é'), ('e'), ('Z'), ('z'), ('a b'), ('a-b'), ('ab'), ('Ö'), ('o'), ('_'), ('10'), ('9'), (''), ('ß'), ('''\"\\'), ('x,y'), ('{}'), ('NULL')) w(k)";
const MOMENTS = "(SELECT timestamptz '2026-10-25 00:30:00.000001+00' + n * interval '7 minutes 0.1 microseconds' AS k FROM generate_series(1, 20) n) w";

const KEYS: readonly (readonly [name: string, columns: string, values: string])[] = [
  ['bigint', 'k bigint PRIMARY KEY', '(SELECT (n - 10) * 922337203685477580 AS k FROM generate_series(0, 19) n) w'],
  ['uuid', 'k uuid PRIMARY KEY', '(SELECT gen_random_uuid() AS k FROM generate_series(1, 20)) w'],
  ['text in the order of bytes', 'k text PRIMARY KEY', WORDS],
  ['text in the order of German', 'k text COLLATE "de-x-icu" PRIMARY KEY', WORDS],
  ['text in which case is no difference', 'k text COLLATE folded PRIMARY KEY', "(SELECT k FROM (VALUES ('a'), ('B'), ('é'), ('c'), ('D'), ('_')) w(k)) w"],
  ['varchar with an index in another collation', 'k varchar(20) COLLATE "de-x-icu" NOT NULL', WORDS],
  ['citext', 'k citext PRIMARY KEY', "(SELECT k::citext FROM (VALUES ('a'), ('B'), ('c'), ('Dd'), ('dE')) w(k)) w"],
  ['char(n)', 'k char(5) PRIMARY KEY', "(VALUES ('a'), ('b c'), ('B'), ('')) w(k)"],
  ['timestamptz', 'k timestamptz PRIMARY KEY', MOMENTS],
  ['timestamp', 'k timestamp PRIMARY KEY', `(SELECT k::timestamp FROM ${MOMENTS}) w`],
  ['interval', 'k interval PRIMARY KEY', "(SELECT n * interval '-1 month 2 days 3.5 seconds' AS k FROM generate_series(1, 20) n) w"],
  ['double precision', 'k float8 PRIMARY KEY', "(VALUES (0.1::float8), (1e300), (-1e-300), (0.1::float8 + 0.2::float8), ('Infinity'), ('NaN')) w(k)"],
  ['numeric', 'k numeric PRIMARY KEY', '(VALUES (1.5), (1.50000000000000000000001), (-7), (1e30)) w(k)'],
  ['bytea', 'k bytea PRIMARY KEY', "(VALUES ('\\x00'::bytea), ('\\x00ff'), ('\\x5c78'), ('')) w(k)"],
  ['an enum', 'k mood PRIMARY KEY', "(VALUES ('sad'::mood), ('ok'), ('a happy one')) w(k)"],
  ['a domain', 'k code PRIMARY KEY', `(SELECT 'c' || n AS k FROM generate_series(1, 20) n) w`],
  ['a downward index', 'k int NOT NULL', '(SELECT n AS k FROM generate_series(1, 20) n) w'],
];

describe.skipIf(missing !== undefined)(`reading from PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  test.each(KEYS)('keys of type %s: every row once, page by page, whatever the settings of the role', async (name, columns, values) => {
    const scratch = aDatabase('');
    scratch.sql(`CREATE EXTENSION citext; CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE TYPE mood AS ENUM ('sad', 'ok', 'a happy one');
      CREATE DOMAIN code AS text CHECK (value <> ''); CREATE TABLE t (${columns}, secret text); ALTER TABLE t OWNER TO owner; INSERT INTO t SELECT k, 's' FROM ${values};
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET DateStyle = ''German, DMY''', current_database()); EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Europe/Berlin''', current_database());
        EXECUTE format('ALTER DATABASE %I SET extra_float_digits = -10', current_database()); EXECUTE format('ALTER DATABASE %I SET IntervalStyle = sql_standard', current_database());
        EXECUTE format('ALTER DATABASE %I SET bytea_output = escape', current_database()); END $$`);
    if (name.startsWith('varchar')) scratch.sql('CREATE UNIQUE INDEX ON t (k COLLATE "C")');
    if (name.startsWith('a downward')) scratch.sql('CREATE UNIQUE INDEX ON t (k DESC)');
    const rows = Number(scratch.sql('SELECT count(*) FROM t'));
    const table = await scratch.table(columns.includes('PRIMARY') ? {} : { key: ['k'] });
    for (const limit of [1, 3, 100]) {
      const all = await everyRow(table, limit);
      expect(all).toHaveLength(rows);
      expect(new Set(all.map(({ key }) => key[0])).size).toBe(rows);
      expect(await everyRow(table, limit, 'lfv1.aaaaaa.')).toEqual(all);
    }
    const all = await everyRow(table, 2);
    expect(await table.row(all[1]!.key)).toEqual(all[1]);
    expect(await table.write(all.map((row) => ({ row, value: 'new' })), undefined)).toEqual(all.map(() => true));
  });

  test('composite keys are compared as rows', async () => {
    const scratch = aDatabase(`CREATE TABLE t (a text COLLATE "de-x-icu", b int, c uuid DEFAULT gen_random_uuid(), secret text, PRIMARY KEY (b, a, c)); INSERT INTO t SELECT k, n, DEFAULT, 's' FROM ${WORDS}, generate_series(1, 5) n`.replace('DEFAULT, ', 'gen_random_uuid(), '));
    const all = await everyRow(await scratch.table({ key: ['a', 'b', 'c'] }), 7);
    expect(all.map(({ key }) => key.join('|')).join('\n')).toBe(scratch.sql('SELECT b, a, c FROM t ORDER BY b, a, c'));
  });

  test.each([
    ['its primary key', {}, 'a, b'],
    ['an index in another collation', { key: ['other'] }, 'other COLLATE "C"'],
  ])('a page, the end of a window and a batch go along %s, without sorting or reading the table', async (_name, target, index) => {
    const scratch = aDatabase(`CREATE TABLE t (a text COLLATE "de-x-icu", b int, other text COLLATE "de-x-icu" NOT NULL, secret text, PRIMARY KEY (a, b)); CREATE UNIQUE INDEX ON t (other COLLATE "C");
      INSERT INTO t SELECT 'k' || n % 100, n, 'o' || n, 'secret' FROM generate_series(1, 5000) n`);
    const ask = await asking(scratch);
    const shape = await findShape(ask, aTarget(target));
    const key = ['k5', '5'].slice(0, shape.key.length);
    scratch.sql('ANALYZE t');
    // So many of the table's rows that the planner would rather read it.
    const batch = Array.from({ length: 2000 }, (_, n) => n);
    const used = `t_${index.startsWith('a') ? 'pkey' : 'other_idx'}`;
    for (const [start, statement, values] of [
      [startOfPage({}), pageStatement(shape, true, false, false), [1000, ...key]],
      [startOfPage({}), pageStatement(shape, true, true, false), [1000, ...key, 'lfv1.aaaaaa.']],
      [startOfPage({}), windowEndStatement(shape, true, false), key],
      [startOfWrite({}), writeStatement(shape, 'secret'), [batch.map(() => 'old'), batch.map(() => 'new'), ...key.map((part) => batch.map((n) => part.replace('5', String(n))))]],
    ] as const) {
      await ask(start);
      const plan = (await ask(`EXPLAIN ${statement}`, values)).join('\n');
      await ask('ROLLBACK');
      expect(plan).toContain(`using ${used} on t`);
      expect(plan).not.toMatch(/Seq Scan|Sort Key: t\.|Hash/);
      // The row comparison is what the index is entered by, not what is thrown away afterwards.
      if (!statement.startsWith('UPDATE')) expect(plan).toMatch(/Index Cond: \(ROW|Index Cond: \(\(?other/);
    }
  });

  test('a partitioned table is read by merging its indexes, and written through them', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int, at date, secret text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01'); CREATE TABLE t2 PARTITION OF t DEFAULT;
      INSERT INTO t SELECT n, date '2026-01-15' + 30 * (n % 2), 'secret' FROM generate_series(1, 5000) n; ANALYZE t`);
    const ask = await asking(scratch);
    const shape = await findShape(ask, aTarget({}));
    for (const [start, statement, values] of [
      [startOfPage({}), pageStatement(shape, true, true, false), [1000, '5', '2026-01-15', 'lfv1.aaaaaa.']],
      [startOfWrite({}), writeStatement(shape, 'secret'), [['old'], ['new'], ['5'], ['2026-01-15']]],
    ] as const) {
      await ask(start);
      const plan = (await ask(`EXPLAIN ${statement}`, values)).join('\n');
      await ask('ROLLBACK');
      expect(plan).toMatch(/using t1_pkey on t1/);
      expect(plan).toMatch(/using t2_pkey on t2/);
      expect(plan).not.toMatch(/Seq Scan|Hash/);
    }
  });

  test('what stands under a key is left out, and so is what has no value, also where thousands of rows lie between', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, secret text, bytes bytea, doc jsonb);
      INSERT INTO t SELECT n, CASE WHEN n % 50000 = 49999 THEN 'lfv1.older1.x' WHEN n % 10 = 1 THEN NULL ELSE 'lfv1.newest.x' END FROM generate_series(1, 120000) n;
      UPDATE t SET bytes = convert_to(secret, 'UTF8'), doc = jsonb_build_object('a', secret) WHERE id > 90000`);
    for (const target of [{}, { column: 'bytes' }, { column: 'doc', path: ['a'] }]) {
      const rows = await everyRow(await scratch.table(target), 1000, 'lfv1.newest.');
      expect(rows.map(({ key }) => key[0])).toEqual(target.column === undefined ? ['49999', '99999'] : ['99999']);
    }
  });

  test('a page of long values ends early, and none is skipped', async () => {
    const scratch = aDatabase("CREATE TABLE t (id int PRIMARY KEY, secret text, bytes bytea); INSERT INTO t SELECT n, repeat(md5(n::text), 100000), decode(repeat(md5(n::text), 50000), 'hex') FROM generate_series(1, 12) n");
    const table = await scratch.table({});
    expect(await table.read(null, 1000)).toHaveLength(3);
    expect((await everyRow(table, 1000)).map(({ key }) => key[0])).toEqual(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12']);
    expect((await (await scratch.table({ column: 'bytes' })).read(null, 1000)).length).toBeGreaterThan(3);
    expect((await table.sample(1000)).length).toBe(3);
    scratch.sql("CREATE TABLE documents (id int PRIMARY KEY, doc jsonb, raw json); INSERT INTO documents SELECT id, jsonb_build_object('a', secret), json_build_object('a', secret) FROM t WHERE id <= 5; ALTER TABLE documents OWNER TO owner");
    for (const column of ['doc', 'raw']) {
      const documents = await scratch.table({ table: 'documents', column, path: ['a'] });
      expect(await documents.read(null, 1000)).toHaveLength(3);
      for (const start of [undefined, 'lfv1.aaaaaa.']) expect((await everyRow(documents, 1000, start)).map(({ key }) => Number(key[0]))).toEqual([1, 2, 3, 4, 5]);
    }
    expect(await table.longestValue()).toBe(3_200_000);
    scratch.sql('UPDATE t SET secret = repeat(secret, 4) WHERE id = 1');
    expect(await table.read(null, 1000)).toHaveLength(1);
  });

  test('a census counts by format and key, and tells nothing of a plaintext', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id serial PRIMARY KEY, secret text);
      INSERT INTO t (secret) VALUES (NULL), ('lfv1.aaaaaa.x'), ('lfv1.aaaaaa.y'), ('lfv1.bbbbbb.x'), ('gAAAAABx1'), ('gAAAAACx2'), ('hunter2'), ('correct horse'), (''), ('lfv1')`);
    const byStart = (rows: Awaited<ReturnType<Awaited<ReturnType<Scratch['table']>>['census']>>): Record<string, number> => Object.fromEntries(rows.map(({ start, rows: count }) => [String(start), count]));
    const expected = { null: 1, 'lfv1.aaaaaa.': 2, 'lfv1.bbbbbb.': 1, gAAAAA: 2, '': 4 };
    expect(byStart(await (await scratch.table({})).census())).toEqual(expected);
    scratch.sql("ALTER TABLE t ALTER secret TYPE bytea USING convert_to(secret, 'UTF8') || CASE WHEN secret LIKE 'lfv1.%' THEN '\\x00ff80'::bytea ELSE '' END; UPDATE t SET secret = '\\xff00' WHERE secret = 'hunter2'");
    expect(byStart(await (await scratch.table({})).census())).toEqual(expected);
    scratch.sql("ALTER TABLE t ALTER secret TYPE jsonb USING jsonb_build_object('deep', jsonb_build_array(encode(secret, 'escape')))");
    expect(byStart(await (await scratch.table({ path: ['deep', '0'] })).census())).toEqual(expected);
  });

  test('the number of rows is known at once: counted where few, estimated where many', async () => {
    const scratch = aDatabase("CREATE TABLE t (id int PRIMARY KEY, secret text); INSERT INTO t SELECT n, 's' FROM generate_series(1, 7) n; CREATE TABLE big (id int PRIMARY KEY, secret text); INSERT INTO big SELECT n, CASE WHEN n % 2 = 0 THEN 's' || n END FROM generate_series(1, 60000) n");
    expect(await (await scratch.table({})).estimatedRows()).toBe(7);
    const big = await scratch.table({ table: 'big' });
    expect(await big.estimatedRows()).toBe(60_000);
    scratch.sql('ANALYZE');
    expect(await big.estimatedRows()).toBeGreaterThan(50_000);
    const sample = await big.sample(5000);
    expect(sample).toHaveLength(5000);
    expect(sample.every(({ value }) => value !== null)).toBe(true);
    // Spread: from each quarter of the table. Of a few pages, which 500 rows are taken from, every third time none lies in one of them.
    const quarters = new Set(sample.map(({ key }) => Math.floor(Number(key[0]) / 15_001)));
    expect(quarters.size).toBe(4);
    scratch.sql('UPDATE big SET secret = NULL WHERE id > 10');
    expect(await big.sample(500)).toHaveLength(5);
  });
});
