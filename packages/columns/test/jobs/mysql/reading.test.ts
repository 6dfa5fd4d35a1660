/** Pages of MariaDB: in the order of the key, whatever its type and collation, each row once. */
import { describe, expect, test } from 'vitest';

import { everyRow } from '../postgres/a-database.ts';
import { aMariadb, marked, missing, rowsOf, tableOf, withMariadb } from './a-database.ts';

withMariadb();

describe.skipIf(missing !== undefined)(`reading from MariaDB${missing === undefined ? '' : ` (${missing})`}`, () => {
  const KEYS: readonly (readonly [string, readonly string[]])[] = [
    ["varchar(40) COLLATE utf8mb4_general_ci", ["'b'", "'A'", "'a1'", "'C'", "'é'", "'E1'", "''", "'_'", "'😀'", "'it''s'", "'a\\\\b'"]],
    ["varchar(40) COLLATE utf8mb4_bin", ["'b'", "'A'", "'a'", "'B'", "'é'", "' x'"]],
    ["varchar(40) CHARACTER SET latin1 COLLATE latin1_german1_ci", ["'b'", "'ä'", "'z'", "'ü'", "'O'"]],
    ['char(36)', ["'0f8fad5b-d9cb-469f-a165-70867728950e'", "'7c9e6679-7425-40de-944b-e07fc1f90ae7'", "'0F8FAD5B-D9CB-469F-A165-70867728950F'"]],
    ['binary(4)', ["x'00000000'", "x'ff000000'", "x'27275c5c'", "x'00000001'"]],
    ['uuid', ["'0f8fad5b-d9cb-469f-a165-70867728950e'", "'ffffffff-d9cb-169f-a165-70867728950e'", "'00000000-0000-1000-8000-000000000001'"]],
    ['bigint unsigned', ['18446744073709551615', '0', '9007199254740993', '9007199254740992']],
    ['decimal(30,4)', ['-1.5', '0', '99999999999999999999.0001', '99999999999999999999.0002']],
    ['datetime(6)', ["'2026-01-01 00:00:00.000001'", "'2026-01-01'", "'1000-01-01'", "'9999-12-31 23:59:59.999999'"]],
    ['timestamp(3)', ["'2026-10-25 00:30:00.001'", "'2026-10-25 01:30:00'", "'1971-01-01'"]],
  ];

  test.each(KEYS)('keys of type %s: pages of any size have each row once, in the order of the server, and are written to', async (type, keys) => {
    const database = aMariadb(`CREATE TABLE t (k ${type} PRIMARY KEY, secret longtext); INSERT INTO t VALUES ${keys.map((key, n) => `(${key}, 'secret ${n}')`).join(', ')}`);
    const table = await tableOf(database);
    const order = database.sql('SELECT secret FROM t ORDER BY k').split('\n');
    for (const limit of [1, 2, 100]) expect((await everyRow(table, limit)).map(({ value }) => value)).toEqual(order);
    const rows = await rowsOf(table);
    const last = await table.lastKey();
    expect(last).toEqual(rows.at(-1)!.key);
    expect(await table.read(null, 100, undefined, rows[1]!.key)).toHaveLength(2);
    for (const row of rows) expect(await table.row(row.key)).toEqual(row);
    expect(await table.write(await marked(table), undefined)).toEqual(keys.map(() => true));
    expect((await rowsOf(table)).map(({ value }) => value)).toEqual(order.map((value) => `${value}!`));
  });

  test('a key of several columns, and one that is declared, in the order of its index; columns fold their case, as SQL does', async () => {
    const database = aMariadb(`CREATE TABLE t (a int NOT NULL, B varchar(20) NOT NULL COLLATE utf8mb4_general_ci, n int NOT NULL, Secret longtext, PRIMARY KEY (B, a), UNIQUE KEY (n));
      INSERT INTO t SELECT seq % 7, concat(if(seq % 2, 'x', 'X'), seq DIV 7), 1000 - seq, seq FROM seq_1_to_700`);
    const table = await tableOf(database);
    expect(table.key).toEqual(['B', 'a']);
    expect((await everyRow(table, 33)).map(({ value }) => value)).toEqual(database.sql('SELECT secret FROM t ORDER BY b, a').split('\n'));
    expect(await table.write(await marked(table), undefined)).toEqual(Array(700).fill(true));
    const declared = await tableOf(database, { key: ['N'] });
    expect((await everyRow(declared, 500)).map(({ key }) => key[0])).toEqual(Array.from({ length: 700 }, (_, n) => String(300 + n)));
    // Each page, and each row of a batch, along the index: none of them looks at all rows.
    const plan = (statement: string): string => database.sql(`EXPLAIN ${statement}`);
    expect(plan("SELECT * FROM t FORCE INDEX (`PRIMARY`) WHERE (B > 'x1') OR (B = 'x1' AND a > 3) ORDER BY B, a LIMIT 10")).toMatch(/\|range\|PRIMARY\|PRIMARY\|/);
    expect(plan("UPDATE t FORCE INDEX (`PRIMARY`) SET secret = '' WHERE ((B = 'x1' AND a = 3) OR (B = 'x2' AND a = 4))")).toMatch(/\|range\|PRIMARY\|PRIMARY\|/);
  });

  test('later passes find what is not under the key, exactly: case is not folded, and NULLs are left out', async () => {
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, secret longtext COLLATE utf8mb4_general_ci);
      INSERT INTO t VALUES (1, 'lfv1.aaaaaa.x'), (2, 'LFV1.AAAAAA.x'), (3, NULL), (4, ''), (5, 'lfv1.bbbbbb.x'), (6, 'plain')`);
    const table = await tableOf(database);
    expect((await everyRow(table, 2, 'lfv1.aaaaaa.')).map(({ key }) => key[0])).toEqual(['2', '4', '5', '6']);
    const census = await table.census();
    expect(census.toSorted((a, b) => String(a.start).localeCompare(String(b.start)))).toEqual([
      { start: '', rows: 3 },
      { start: 'lfv1.aaaaaa.', rows: 1 },
      { start: 'lfv1.bbbbbb.', rows: 1 },
      { start: null, rows: 1 },
    ]);
  });

  test('[W5] pages over a blind index end early where the encrypted values in their context are long', async () => {
    const database = aMariadb("CREATE TABLE t (id int PRIMARY KEY, secret longtext, source longtext); INSERT INTO t SELECT seq, NULL, REPEAT('x', 3000000) FROM seq_1_to_9");
    const table = await tableOf(database, { context: ['source'] });
    const page = await table.read(null, 1000);
    expect(page.length).toBe(2);
    expect(await everyRow(table, 1000)).toHaveLength(9);
  });

  test('pages of long values end early, and a sample is of rows that have one', async () => {
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, secret longtext); INSERT INTO t SELECT seq, repeat('x', 3 * 1024 * 1024) FROM seq_1_to_5; INSERT INTO t SELECT seq, NULL FROM seq_6_to_50`);
    const table = await tableOf(database);
    const first = await table.read(null, 100);
    expect(first.map(({ value }) => value?.length)).toEqual([3 * 2 ** 20, 3 * 2 ** 20]);
    expect(await rowsOf(table)).toHaveLength(50);
    expect((await table.sample(3)).every(({ value }) => value !== null)).toBe(true);
    expect(await table.estimatedRows()).toBe(50);
    expect(await table.longestValue()).toBe(3 * 2 ** 20);
  });

  test('context and label are text, numbers as they are printed', async () => {
    const database = aMariadb("CREATE TABLE t (id int PRIMARY KEY, org bigint, place varchar(20) CHARACTER SET latin1, at datetime, secret longtext); INSERT INTO t VALUES (1, 9007199254740993, 'Köln', '2026-01-02 03:04:05', 'a'), (2, NULL, NULL, NULL, 'b')");
    const table = await tableOf(database, { context: ['org', 'place', 'at'], label: 'place' });
    expect(await rowsOf(table)).toMatchObject([
      { context: ['9007199254740993', 'Köln', '2026-01-02 03:04:05'], label: 'Köln' },
      { context: [null, null, null], label: null },
    ]);
    expect(await table.write(await marked(table), undefined)).toEqual([true, true]);
  });
});
