import { DatabaseSync } from 'node:sqlite';

import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';

import { asking, VALUES } from '../../../src/jobs/sqlite/connection.ts';
import { keyText, keyValue } from '../../../src/jobs/sqlite/key-text.ts';
import { findShape } from '../../../src/jobs/sqlite/table-shape.ts';
import { lastKeyStatement, pageStatement, rowStatement, startsStatement, writeStatement } from '../../../src/jobs/sqlite/table-statements.ts';
import { aTarget, everyRow } from '../postgres/a-database.ts';
import { aDatabase, type Scratch } from './a-database.ts';

const WORDS = "(VALUES ('a'), ('B'), ('é'), ('e'), ('Z'), ('z'), ('a b'), ('a-b'), ('ab'), ('Ö'), ('o'), ('_'), ('10'), ('9'), (''), ('ß'), ('''\"\\'), ('x,y'), ('1e3'), ('x''00'''), ('''q'''))";
const FOLDED = "(VALUES ('a'), ('B'), ('É'), ('é'), ('c'), ('D'), ('_'), ('[') )";

const KEYS: readonly (readonly [name: string, table: string, values: string])[] = [
  ['INTEGER PRIMARY KEY', 'CREATE TABLE t (k INTEGER PRIMARY KEY, secret TEXT)', '(WITH RECURSIVE n(v) AS (VALUES (0) UNION ALL SELECT v + 1 FROM n WHERE v < 19) SELECT (v - 10) * 922337203685477580 AS column1 FROM n)'],
  ['BIGINT PRIMARY KEY', 'CREATE TABLE t (k BIGINT PRIMARY KEY NOT NULL, secret TEXT)', '(VALUES (9007199254740991), (9007199254740992), (9007199254740993), (9223372036854775807), (-9223372036854775808), (0))'],
  ['text in the order of bytes', 'CREATE TABLE t (k TEXT PRIMARY KEY, secret TEXT)', WORDS],
  ['text without a rowid', 'CREATE TABLE t (k TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID', WORDS],
  ['text in which case is no difference', 'CREATE TABLE t (k TEXT COLLATE NOCASE PRIMARY KEY, secret TEXT)', FOLDED],
  ['text with an index in which case is no difference', 'CREATE TABLE t (k TEXT NOT NULL, secret TEXT); CREATE UNIQUE INDEX i ON t (k COLLATE NOCASE)', FOLDED],
  ['text in which case is no difference, with an index in which it is one', 'CREATE TABLE t (k TEXT COLLATE NOCASE NOT NULL, secret TEXT); CREATE UNIQUE INDEX i ON t (k COLLATE BINARY)', `(SELECT column1 FROM ${FOLDED} UNION VALUES ('A'), ('b'))`],
  ['text that ends in spaces', 'CREATE TABLE t (k TEXT COLLATE RTRIM PRIMARY KEY, secret TEXT)', "(VALUES ('a '), ('b'), (' c'))"],
  ['bytes', 'CREATE TABLE t (k BLOB PRIMARY KEY, secret TEXT)', "(VALUES (x'00'), (x'00ff'), (x''), (x'5c78'), (x'31'))"],
  ['REAL', 'CREATE TABLE t (k REAL PRIMARY KEY, secret TEXT)', '(VALUES (0.1), (1e300), (-1e-300), (0.1 + 0.2), (9e999), (-9e999), (3.0), (1e21))'],
  ['no type at all, with values of every type', 'CREATE TABLE t (k PRIMARY KEY, secret TEXT)', "(VALUES (1), ('1'), (x'31'), (1.5), ('1.5'), (2.0), ('2.0'), ('two'), ('1e3'), (1e300), ('x''31'''), ('''1'''), (''), (x''), (9007199254740993), ('Infinity'), (9e999))"],
  ['NUMERIC, with values of every type', 'CREATE TABLE t (k DECIMAL(10, 5) PRIMARY KEY, secret TEXT)', "(VALUES (1), ('x1'), (x'31'), (1.5), ('1e'), (''), ('9223372036854775808'), (9223372036854775807))"],
  ['a STRICT table', 'CREATE TABLE t (k TEXT PRIMARY KEY, secret TEXT) STRICT', WORDS],
  ['a downward index', 'CREATE TABLE t (k INT NOT NULL, secret TEXT); CREATE UNIQUE INDEX i ON t (k DESC)', '(VALUES (3), (1), (2))'],
];

async function expectEachOnce(scratch: Scratch): Promise<void> {
  const rows = Number(scratch.sql('SELECT count(*) FROM t'));
  const table = await scratch.table(/PRIMARY KEY/.test(scratch.sql("SELECT sql FROM sqlite_schema WHERE name = 't'")) ? {} : { key: ['k'] });
  for (const limit of [1, 3, 100]) {
    const all = await everyRow(table, limit);
    expect(all).toHaveLength(rows);
    expect(new Set(all.map(({ key }) => key[0])).size).toBe(rows);
    expect(await everyRow(table, limit, 'lfv1.aaaaaa.')).toEqual(all);
    expect(await table.lastKey()).toEqual(all.at(-1)!.key);
  }
  const all = await everyRow(table, 2);
  for (const row of all) expect(await table.row(row.key)).toEqual(row);
  expect(await table.read(null, 100, undefined, all[1]!.key)).toEqual(all.slice(0, 2));
  expect(await table.write(all.map((row) => ({ row, value: `new ${row.key[0]}` })), undefined)).toEqual(all.map(() => true));
  expect((await everyRow(table, 100)).map(({ key, value }) => value === `new ${key[0]}`)).toEqual(all.map(() => true));
  expect(await table.census()).toEqual([{ start: '', rows }]);
}

describe('reading from SQLite', () => {
  test.each(KEYS)('keys of %s: every row once, page by page', async (_, table, values) => {
    const scratch = aDatabase(`${table}; INSERT INTO t (k, secret) SELECT column1, 's' FROM ${values}`);
    await expectEachOnce(scratch);
  });

  test('a database whose text is UTF-16 is read and written as any other', async () => {
    const scratch = aDatabase(`PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (k TEXT PRIMARY KEY, secret TEXT, doc JSON, bytes BLOB); INSERT INTO t SELECT column1, 's €', '{"a": "€"}', x'00ff' FROM ${WORDS}`, 'DELETE');
    expect(scratch.sql('PRAGMA encoding')).toBe('UTF-16le');
    await expectEachOnce(scratch);
    for (const target of [{ column: 'doc', path: ['a'] }, { column: 'bytes' }]) {
      const table = await scratch.table(target);
      const rows = await everyRow(table, 5, 'lfv1.aaaaaa.');
      expect(await table.write(rows.map((row) => ({ row, value: target.path === undefined ? Buffer.from('lfv1.aaaaaa.') : '"lfv1.aaaaaa."' })), undefined)).toEqual(rows.map(() => true));
      expect(await everyRow(table, 5, 'lfv1.aaaaaa.')).toEqual([]);
      expect(await table.census()).toEqual([{ start: 'lfv1.aaaaaa.', rows: rows.length }]);
    }
  });

  test('[W5] whatever the keys and their collations, pages are in the order of the index and hold each row once', async () => {
    const part = fc.oneof(fc.constantFrom('a', 'A', 'b', 'B', 'a ', 'ä', 'Ä', '', '1', '01'), fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }), fc.uint8Array({ maxLength: 2 }), fc.string({ maxLength: 2 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));
    const type = fc.constantFrom('', 'TEXT', 'TEXT COLLATE NOCASE', 'TEXT COLLATE RTRIM', 'INTEGER', 'BLOB', 'REAL', 'NUMERIC', 'VARCHAR(3) COLLATE NOCASE');
    const collation = fc.constantFrom('', '', '', ' COLLATE NOCASE', ' COLLATE BINARY', ' COLLATE RTRIM');
    await fc.assert(
      fc.asyncProperty(fc.tuple(type, type), fc.tuple(collation, collation), fc.boolean(), fc.array(fc.tuple(part, part), { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), async ([a, b], [ca, cb], downwards, pairs, limit) => {
        const scratch = aDatabase(`CREATE TABLE t (a ${a} NOT NULL, b ${b} NOT NULL, secret TEXT, n INTEGER PRIMARY KEY); CREATE UNIQUE INDEX i ON t (b${cb}${downwards ? ' DESC' : ''}, a${ca}${downwards ? ' DESC' : ''})`);
        try {
          const insert = scratch.application.prepare("INSERT OR IGNORE INTO t (a, b, secret) VALUES (?, ?, 's')");
          for (const pair of pairs) insert.run(...(pair.map((value) => (typeof value === 'string' ? value.toWellFormed() : value)) as [string, string]));
          const database = await scratch.open();
          const table = await database.table(aTarget({ key: ['a', 'b'], label: 'n' }));
          const expected = scratch.sql(`SELECT n FROM t ORDER BY b${cb}, a${ca}`).split('\n').filter((line) => line !== '');
          expect((await everyRow(table, limit)).map(({ label }) => label)).toEqual(expected);
          const all = await everyRow(table, 1000);
          expect(await table.write(all.map((row) => ({ row, value: 'new' })), undefined)).toEqual(all.map(() => true));
          await database.close();
        } finally {
          scratch.application.close();
        }
      }),
      { numRuns: process.env['LOCKFAST_DEEP'] === '1' ? 2000 : 60 },
    );
  }, 300_000);

  test('the text of a key is read back as the same key', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('1', '-1', '1.0', '1e3', 'Infinity', "x'00'", "''", "'1'", "x''", "'"), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double({ noNaN: true }), fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(value, value, (one, other) => {
        expect(keyValue(keyText(one, 'blob'), 'blob')).toEqual(one);
        if (typeof one === 'string') expect(keyValue(keyText(one, 'text'), 'text')).toBe(one);
        if (keyText(one, 'blob') === keyText(other, 'blob')) expect(one).toEqual(other);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['its primary key', 'CREATE TABLE t (a TEXT COLLATE NOCASE, b INT, other TEXT NOT NULL, secret TEXT, PRIMARY KEY (a, b))', {}, /SEARCH t USING INDEX sqlite_autoindex_t_1 \(\(a,b\)>/],
    ['the table itself', 'CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT)', {}, /SEARCH t USING INTEGER PRIMARY KEY \(rowid>/],
    ['a table without rowid', 'CREATE TABLE t (a TEXT, b INT, secret TEXT, PRIMARY KEY (b, a)) WITHOUT ROWID', {}, /SEARCH t USING PRIMARY KEY \(\(b,a\)>/],
    ['an index in another collation', 'CREATE TABLE t (other TEXT NOT NULL, secret TEXT); CREATE UNIQUE INDEX i ON t (other COLLATE NOCASE)', { key: ['other'] }, /SEARCH t USING INDEX i \(other>/],
    ['an index over several columns, one in another collation', 'CREATE TABLE t (a TEXT NOT NULL, b TEXT NOT NULL, secret TEXT); CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE, b)', { key: ['b', 'a'] }, /SEARCH t USING INDEX i \(a>/],
  ])('a page, a census and a write go along %s, without sorting or reading the table', (_, setUp, target, along) => {
    const { path } = aDatabase(setUp);
    const database = new DatabaseSync(path, VALUES);
    onTestFinished(() => database.close());
    const ask = asking(database, () => new DatabaseSync(':memory:', VALUES));
    const shape = findShape(ask, aTarget(target));
    const plan = (statement: string): string => [...ask(`EXPLAIN QUERY PLAN ${statement}`)].map((row) => String(row[3])).join('\n');
    for (const statement of [pageStatement(shape, true, false), pageStatement(shape, true, true), startsStatement(shape, true)]) expect(plan(statement)).toMatch(along);
    for (const statement of [pageStatement(shape, true, true), startsStatement(shape, true), lastKeyStatement(shape), rowStatement(shape), writeStatement(shape)]) expect(plan(statement)).not.toMatch(/TEMP B-TREE/);
    for (const statement of [rowStatement(shape), writeStatement(shape)]) expect(plan(statement)).toMatch(/^SEARCH t USING .*=\?/);
  });

  test('what stands under a key is left out, and so is what has no value, also where thousands of rows lie between', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, bytes BLOB, doc JSON);
      WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 24000) INSERT INTO t (id, secret) SELECT v, CASE WHEN v % 10000 = 9999 THEN 'lfv1.older1.x' WHEN v % 10 = 1 THEN NULL ELSE 'lfv1.newest.x' END FROM n;
      UPDATE t SET bytes = CAST(secret AS BLOB), doc = json_object('a', secret)`);
    for (const target of [{}, { column: 'bytes' }, { column: 'doc', path: ['a'] }]) {
      expect((await everyRow(await scratch.table(target), 1000, 'lfv1.newest.')).map(({ key }) => key[0])).toEqual(['9999', '19999']);
    }
  });

  test('a page of long values ends early, and none is skipped', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, bytes BLOB, doc JSON);
      WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 8) INSERT INTO t SELECT v, hex(zeroblob(1600000)), zeroblob(3200000), json_object('a', hex(zeroblob(1600000))) FROM n`);
    for (const target of [{}, { column: 'bytes' }, { column: 'doc', path: ['a'] }]) {
      const table = await scratch.table(target);
      expect(await table.read(null, 1000)).toHaveLength(3);
      expect((await table.sample(1000)).length).toBe(3);
      for (const start of [undefined, 'lfv1.aaaaaa.']) expect((await everyRow(table, 1000, start)).map(({ key }) => key[0])).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
    }
    expect(await (await scratch.table({})).longestValue()).toBe(3_200_000);
  });

  test('a census counts by format and key, whatever type a value is stored as', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, bytes BLOB, doc TEXT);
      INSERT INTO t (secret) VALUES (NULL), ('lfv1.aaaaaa.x'), ('lfv1.aaaaaa.y'), ('lfv1.bbbbbb.x'), ('gAAAAABx1'), ('gAAAAACx2'), ('hunter2'), ('correct horse'), (''), ('lfv1');
      UPDATE t SET bytes = CAST(secret AS BLOB) || CASE WHEN secret LIKE 'lfv1.%' THEN x'00ff80' ELSE x'' END, doc = json_object('deep', json_array(secret)); UPDATE t SET bytes = CAST(bytes AS BLOB)`);
    const byStart = async (target: { readonly column?: string; readonly path?: readonly string[] }): Promise<Record<string, number>> =>
      Object.fromEntries((await (await scratch.table(target)).census()).map(({ start, rows }) => [String(start), rows]));
    const expected = { null: 1, 'lfv1.aaaaaa.': 2, 'lfv1.bbbbbb.': 1, gAAAAA: 2, '': 4 };
    expect(await byStart({})).toEqual(expected);
    expect(await byStart({ column: 'bytes' })).toEqual(expected);
    expect(await byStart({ column: 'doc', path: ['deep', '0'] })).toEqual(expected);
    // What an application stored as the other type is none the less under that key.
    scratch.sql("UPDATE t SET secret = CAST(secret AS BLOB), bytes = CAST(secret AS TEXT) WHERE id = 2");
    expect(await byStart({})).toEqual(expected);
    expect(await byStart({ column: 'bytes' })).toEqual(expected);
  });

  test('a look at a long table leaves the process its turns: signals, timers and progress go on', async () => {
    const scratch = aDatabase('CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT); WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 60000) INSERT INTO t SELECT v, \'lfv1.aaaaaa.\' || v FROM n');
    const table = await scratch.table({});
    for (const look of [async () => await table.census(), async () => await table.read(null, 10, 'lfv1.aaaaaa.')]) {
      let turns = 0;
      let looking = true;
      const count = (): void => {
        turns++;
        if (looking) setImmediate(count);
      };
      setImmediate(count);
      await look();
      looking = false;
      expect(turns).toBeGreaterThan(10);
    }
  });

  test('a sample of a table whose rowids reach from end to end of what an INTEGER holds', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT); INSERT INTO t VALUES (-9223372036854775808, 's'), (9223372036854775807, 's');
      WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 12000) INSERT INTO t SELECT v, 's' FROM n`);
    expect(await (await scratch.table({})).sample(100)).toHaveLength(100);
  });

  test('the number of rows is counted; a sample is spread over the table', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT); CREATE TABLE w (id TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID;
      WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 40000) INSERT INTO t SELECT v * 1000, CASE WHEN v % 2 = 0 THEN 's' || v END FROM n; INSERT INTO w SELECT id, secret FROM t`);
    for (const name of ['t', 'w']) {
      const table = await scratch.table({ table: name });
      expect(await table.estimatedRows()).toBe(40_000);
      const sample = await table.sample(500);
      expect(sample).toHaveLength(500);
      expect(sample.every(({ value }) => value !== null)).toBe(true);
      expect(new Set(sample.map(({ key }) => key[0])).size).toBe(500);
      expect(new Set(sample.map(({ key }) => Math.floor(Number(key[0]) / 10_000_001))).size).toBe(4);
      scratch.sql(`UPDATE ${name} SET secret = NULL WHERE CAST(id AS INTEGER) > 10000`);
      expect(await table.sample(500)).toHaveLength(5);
    }
  });
});
