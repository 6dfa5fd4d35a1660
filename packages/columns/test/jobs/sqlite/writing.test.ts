import { inspect } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import type { ColumnTable, ColumnTarget, RowChange, StoredRow } from '../../../src/jobs/database.ts';
import { memberIn } from '../../../src/jobs/sqlite/json-member.ts';
import { StoredValues } from '../../../src/jobs/stored-values.ts';
import { convertColumn } from '../../../src/jobs/index.ts';
import { heldRing, rotatedRing } from '../../held-ring.ts';
import { everyRow, expectRefusal, refusalOf } from '../postgres/a-database.ts';
import { DECLARED } from '../scene.ts';
import { aDatabase } from './a-database.ts';

async function rowsOf(table: ColumnTable): Promise<readonly StoredRow[]> {
  return await everyRow(table, 100);
}

/** Every value with `!` behind it. */
async function marked(table: ColumnTable): Promise<readonly RowChange[]> {
  return (await rowsOf(table)).filter(({ value }) => value !== null).map((row) => ({ row, value: Buffer.isBuffer(row.value) ? Buffer.concat([row.value, Buffer.from('!')]) : `${row.value}!` }));
}

const TENANTS = `CREATE TABLE t (id INTEGER PRIMARY KEY, org TEXT, secret TEXT, other INT DEFAULT 0);
  INSERT INTO t (id, org, secret) VALUES (1, 'org1', 'secret 1'), (2, 'org2', 'secret 2'), (3, 'org3', NULL), (4, 'org4', 'secret 4'), (5, 'org5', 'secret 5')`;

describe('writing a batch to SQLite', () => {
  test('[W3] every value that is still what was read is replaced', async () => {
    const scratch = aDatabase(TENANTS);
    const table = await scratch.table({ context: ['org'] });
    expect(await table.write(await marked(table), undefined)).toEqual([true, true, true, true]);
    expect(scratch.sql('SELECT id, secret FROM t ORDER BY id')).toBe('1|secret 1!\n2|secret 2!\n3|\n4|secret 4!\n5|secret 5!');
  });

  test('a value or a context that the application changed meanwhile stays, and so does a row that is gone', async () => {
    const scratch = aDatabase(TENANTS);
    const table = await scratch.table({ context: ['org'] });
    const changes = await marked(table);
    scratch.sql("UPDATE t SET secret = 'fresh' WHERE id = 1; UPDATE t SET org = 'moved' WHERE id = 2; DELETE FROM t WHERE id = 4; UPDATE t SET other = 7 WHERE id = 5");
    expect(await table.write(changes, undefined)).toEqual([false, false, false, true]);
    expect(scratch.sql('SELECT id, org, secret, other FROM t ORDER BY id')).toBe('1|org1|fresh|0\n2|moved|secret 2|0\n3|org3||0\n5|org5|secret 5!|7');
  });

  test('[W5] the checkpoint is kept with the batch, or not at all; its table goes with the last of them', async () => {
    const scratch = aDatabase(`${TENANTS}; CREATE TABLE guarded (id INTEGER PRIMARY KEY, secret TEXT CHECK (secret <> 'secret 5!')); INSERT INTO guarded SELECT id, secret FROM t`);
    const [table, other] = [await scratch.table({ table: 'guarded' }), await scratch.table({ id: 'tests.other' })];
    const changes = await marked(table);
    const checkpoint = { job: 'encrypt lfv1', pass: 1, after: ['2'], counts: { rows: 2 } };
    expect(await table.checkpoint()).toBeUndefined();
    await table.write(changes.slice(0, 2), checkpoint);
    await other.write([], checkpoint);
    expect(await table.checkpoint()).toEqual(checkpoint);
    await expectRefusal(table.write(changes.slice(2), { ...checkpoint, pass: 2 }), 'database-refused', /check does not let the value in \(secret <> 'secret 5!'\)/, /check/);
    expect(await table.checkpoint()).toEqual(checkpoint);
    expect(scratch.sql("SELECT count(*) FROM guarded WHERE secret LIKE '%!'")).toBe('2');
    await other.forgetCheckpoint();
    expect(await table.checkpoint()).toEqual(checkpoint);
    await table.forgetCheckpoint();
    expect(await table.checkpoint()).toBeUndefined();
    expect(scratch.sql("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'lockfast%'")).toBe('0');
    // Another job forgot its own in between.
    await table.write([], checkpoint);
    expect(await table.checkpoint()).toEqual(checkpoint);
  });

  test('values go in as they are, with quotes, backslashes, NUL and letters of all languages', async () => {
    const awkward = ['', ' ', "it's", 'a"b\\c', '12', '007', '1e3', 'NULL', 'Zürich 東京 😀', 'tab\tline\nend ', '\\x41', 'a\0b', '\uFFFD', '\ufeffx'];
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, secret TEXT, bytes BLOB, doc TEXT, raw JSON, plain, code VARCHAR(3) COLLATE NOCASE);
      WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < ${awkward.length}) INSERT INTO t SELECT v, 'old', x'00', '{"a": "old"}', '{"a": "old"}', 'old', 'old' FROM n`);
    const forms: readonly (readonly [Partial<ColumnTarget>, (text: string) => string | Buffer])[] = [
      [{}, (text) => text],
      [{ column: 'plain' }, (text) => text],
      [{ column: 'code' }, (text) => text],
      [{ column: 'bytes' }, (text) => Buffer.concat([Buffer.from(text), Buffer.from([0, 255, 0x5c])])],
      [{ column: 'bytes' }, (text) => Buffer.from(text)],
      [{ column: 'doc', path: ['a'] }, (text) => JSON.stringify(text)],
      [{ column: 'raw' }, (text) => JSON.stringify({ text })],
    ];
    for (const [target, make] of forms) {
      const table = await scratch.table(target);
      const rows = await rowsOf(table);
      expect(await table.write(rows.map((row, at) => ({ row, value: make(awkward[at]!) })), undefined)).toEqual(awkward.map(() => true));
      expect((await rowsOf(table)).map(({ value }) => value)).toEqual(awkward.map((text) => make(text)));
      // Once more: what was just written is what a comparison finds.
      expect(await table.write((await rowsOf(table)).map((row) => ({ row, value: make('again') })), undefined)).toEqual(awkward.map(() => true));
    }
  });

  test('columns that fold case or ignore spaces are compared to the byte', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, n TEXT COLLATE NOCASE, r TEXT COLLATE RTRIM, org TEXT COLLATE NOCASE); INSERT INTO t VALUES (1, 'Secret', 'Secret', 'Org'), (2, 'Secret', 'Secret', 'Org')`);
    for (const [column, other] of [['n', 'sECRET'], ['r', 'Secret ']] as const) {
      const table = await scratch.table({ column });
      const changes = await marked(table);
      scratch.sql(`UPDATE t SET ${column} = '${other}' WHERE id = 1`);
      expect(await table.write(changes, undefined)).toEqual([false, true]);
      expect(scratch.sql(`SELECT ${column} FROM t ORDER BY id`)).toBe(`${other}\nSecret!`);
    }
    const bound = await scratch.table({ context: ['org'], column: 'n' });
    const changes = await marked(bound);
    scratch.sql('UPDATE t SET org = upper(org)');
    expect(await bound.write(changes, undefined)).toEqual([false, false]);
  });

  test('[W3] a value of another type than its column is counted and refused, and stays what it is', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret, bytes BLOB, doc JSON);
      INSERT INTO t VALUES (1, 'a', 'text', x'0102', '"text"'), (2, 'b', 9007199254740993, 'text', '{"a":'), (3, 'c', 1.5, 7, 12), (4, 'd', x'00ff', 'lfv1.aaaaaa.x', x'7b7d'), (5, 'e', CAST(x'fffe41' AS TEXT), 2.5, '"cut'), (6, 'f', x'6c6676312e', 'gAAAAAx', 1.50), (7, 'g', NULL, NULL, NULL)`);
    const kept = (): string => scratch.sql('SELECT typeof(secret), hex(secret), typeof(bytes), hex(bytes), typeof(doc), hex(doc) FROM t WHERE id > 1 ORDER BY id');
    const before = kept();
    const ring = await heldRing();
    const next = rotatedRing(ring);
    const database = await scratch.open();
    for (const [column, as, unreadable] of [['secret', 'text', 5], ['bytes', 'bytes', 5], ['doc', 'text', 5]] as const) {
      const declared = { ...DECLARED, id: `tests.${column}`, column, as };
      for (const [direction, keys] of [['encrypt', ring], ['rotate', next], ['decrypt', next]] as const) {
        const names: string[] = [];
        const report = await convertColumn(database, declared, new StoredValues(keys, declared, []), { direction, dryRun: false, batch: 2, onRow: ({ label, what }) => names.push(`${label} ${what}`) });
        expect(report).toMatchObject({ rows: 7, null: 1, changed: 1, conflicts: 0 });
        if (direction === 'encrypt') {
          expect(report.unreadable.count).toBe(unreadable);
          expect(names.toSorted()).toEqual(['a changed', 'b unreadable', 'c unreadable', 'd unreadable', 'e unreadable', 'f unreadable']);
        }
        expect(kept()).toBe(before);
      }
    }
    expect(scratch.sql('SELECT typeof(secret), secret, typeof(bytes), bytes, typeof(doc), doc FROM t WHERE id = 1')).toBe(`text|text|blob|x'0102'|text|"text"`);
  });

  test('one member of a document is replaced: the text around it stays to the byte, and so does what else changed meanwhile', async () => {
    const document = '{ "keep" : [1, 2.50, null, 1e5],\n "config": {"tokens": ["a", "b"], "n": 1, "t\\u00f6": "\\u0041", "x.y\\"": true, "tokens": ["c" , "d"]} }';
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON); INSERT INTO t VALUES (1, '${document}'), (2, '${document}'), (3, '${document}'), (4, '${document}')`);
    const table = await scratch.table({ column: 'doc', path: ['config', 'tokens', '1'] });
    const rows = await rowsOf(table);
    expect(rows.map(({ value }) => value)).toEqual(['"d"', '"d"', '"d"', '"d"']);
    scratch.sql(`UPDATE t SET doc = replace(doc, '2.50', '3') WHERE id = 1; UPDATE t SET doc = replace(doc, '"d"', '"fresh"') WHERE id = 2; UPDATE t SET doc = '{"config": {}}' WHERE id = 3`);
    expect(await table.write(rows.map((row) => ({ row, value: '"lfv1.x"' })), undefined)).toEqual([true, false, false, true]);
    const changed = document.replace('"d"', '"lfv1.x"');
    expect(scratch.application.prepare('SELECT doc FROM t ORDER BY id').all().map(({ doc }) => doc)).toEqual([changed.replace('2.50', '3'), document.replace('"d"', '"fresh"'), '{"config": {}}', changed]);
  });

  test('no such member, JSON null and NULL are no value; an emptied member is null, and none is made', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, doc TEXT); INSERT INTO t (doc) VALUES ('{"a": "x"}'), ('{"a": null}'), ('{}'), (NULL), ('[]'), ('"a"'), (' null ')`);
    const table = await scratch.table({ column: 'doc', path: ['a'] });
    const rows = await rowsOf(table);
    expect(rows.map(({ value }) => value)).toEqual(['"x"', null, null, null, null, null, null]);
    expect(await table.write(rows.map((row) => ({ row, value: null })), undefined)).toEqual([true, true, false, false, false, false, false]);
    expect(scratch.sql('SELECT doc FROM t ORDER BY id')).toBe('{"a": null}\n{"a": null}\n{}\n\n[]\n"a"\n null ');
  });

  test('[W3] a member of any JSON is found where it stands: what is put in its place is all that changes', () => {
    const json = fc.json({ maxDepth: 4 });
    fc.assert(
      fc.property(json, fc.integer({ min: 0, max: 4 }), fc.array(fc.nat(), { maxLength: 4 }), (compact, indent, picks) => {
        const text = indent === 0 ? compact : JSON.stringify(JSON.parse(compact), null, indent);
        const path: string[] = [];
        let at = JSON.parse(text) as unknown;
        for (const pick of picks) {
          const keys = typeof at === 'object' && at !== null ? Object.keys(at) : [];
          if (keys.length === 0) break;
          path.push(keys[pick % keys.length]!);
          at = (at as Record<string, unknown>)[path.at(-1)!];
        }
        const span = memberIn(text, path)!;
        expect(JSON.parse(text.slice(span.from, span.to))).toEqual(at);
        const changed = JSON.parse(`${text.slice(0, span.from)}"lfv1"${text.slice(span.to)}`) as unknown;
        let value: unknown = JSON.parse(text);
        if (path.length === 0) value = 'lfv1';
        else {
          let holder = value as Record<string, unknown>;
          for (const step of path.slice(0, -1)) holder = holder[step] as Record<string, unknown>;
          Object.defineProperty(holder, path.at(-1)!, { value: 'lfv1', enumerable: true });
        }
        expect(changed).toEqual(value);
        expect(memberIn(text, [...path, 'no such member'])).toBeUndefined();
      }),
      { numRuns: process.env['LOCKFAST_DEEP'] === '1' ? 20_000 : 1000 },
    );
  });

  const HARMFUL: readonly (readonly [string, string, RegExp])[] = [
    ['changes the value after it was stored', "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE t SET secret = upper(NEW.secret) WHERE id = NEW.id; END", /changes what is written/],
    ['changes the value again and again', "PRAGMA recursive_triggers = ON; CREATE TRIGGER g AFTER UPDATE ON t WHEN length(NEW.secret) < 50 BEGIN UPDATE t SET secret = NEW.secret || '.' WHERE id = NEW.id; END", /changes what is written/],
    ['changes the value of the row before', "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE t SET secret = 'late' WHERE id = NEW.id - 1; END", /changes what is written/],
    ['changes the context', "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE t SET org = 'late' WHERE id = NEW.id; END", /changes what is written/],
    ['removes the row', 'CREATE TRIGGER g AFTER UPDATE ON t BEGIN DELETE FROM t WHERE id = NEW.id; END', /changes what is written/],
    ['withholds the change and says nothing', 'CREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT raise(IGNORE); END', /keeps rows as they are/],
    ['refuses, and quotes the row', "CREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT raise(ABORT, 'not ' || OLD.secret); END", /a trigger refused/],
    ['ends the transaction', "CREATE TRIGGER g BEFORE UPDATE ON t WHEN OLD.id = 4 BEGIN SELECT raise(ROLLBACK, 'not ' || OLD.secret); END", /a trigger refused/],
    ['fails in the middle and leaves what was done', "CREATE TRIGGER g BEFORE UPDATE ON t WHEN OLD.id = 4 BEGIN SELECT raise(FAIL, 'not ' || OLD.secret); END", /a trigger refused/],
    ["calls on the application's functions", 'CREATE TRIGGER g AFTER UPDATE ON t BEGIN SELECT audited(NEW.id); END', /calls on the application/],
  ];

  test.each(HARMFUL)('[W5] a trigger that %s stops the batch: every row is as it was, and the message is about the trigger', async (_, trigger, message) => {
    const scratch = aDatabase(`${TENANTS}; ${trigger}`);
    const table = await scratch.table({ context: ['org'] });
    const before = scratch.sql('SELECT * FROM t');
    const error = await refusalOf(table.write(await marked(table), { job: 'j', pass: 1, after: null, counts: {} }));
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(/trigger|declaration/);
    expect(inspect(error, { depth: 9 })).not.toContain('secret 1');
    expect(scratch.sql('SELECT * FROM t')).toBe(before);
    expect(await table.checkpoint()).toBeUndefined();
    scratch.sql('DROP TRIGGER g');
    const again = await scratch.table({ context: ['org'] });
    expect(await again.write(await marked(again), undefined)).toEqual([true, true, true, true]);
  });

  test('a trigger that changes other things is no obstacle', async () => {
    const scratch = aDatabase(`${TENANTS}; CREATE TABLE log (id INT); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (NEW.id); UPDATE t SET other = other + 1 WHERE id = NEW.id; END`);
    const table = await scratch.table({ context: ['org'] });
    expect(await table.write(await marked(table), undefined)).toEqual([true, true, true, true]);
    expect(scratch.sql('SELECT count(*) FROM log')).toBe('4');
  });

  test('constraints refuse a batch whole, whatever they say about conflicts, and no value is quoted', async () => {
    const scratch = aDatabase(`CREATE TABLE parent (k TEXT PRIMARY KEY); CREATE TABLE t (id INTEGER PRIMARY KEY, org TEXT, secret TEXT NOT NULL ON CONFLICT REPLACE DEFAULT 'none', u TEXT UNIQUE ON CONFLICT REPLACE, f TEXT REFERENCES parent (k), s TEXT);
      CREATE TABLE strict_table (id INTEGER PRIMARY KEY, secret TEXT) STRICT; INSERT INTO parent VALUES ('p'); INSERT INTO t VALUES (1, 'o', 'secret 1', 'u1', 'p', 's'), (2, 'o', 'secret 2', 'u2', 'p', 's'); INSERT INTO strict_table VALUES (1, 'secret 1')`);
    const before = scratch.sql('SELECT * FROM t');
    const write = async (column: string, value: string | null): Promise<readonly boolean[]> => {
      const table = await scratch.table({ column });
      return await table.write((await rowsOf(table)).map((row) => ({ row, value })), undefined);
    };
    await expectRefusal(write('secret', null), 'database-refused', /the column takes no NULL \(t\.secret\)/, /NULL/);
    await expectRefusal(write('u', 'same'), 'database-refused', /must be unique \(t\.u\)/, /unique index/);
    await expectRefusal(write('f', 'lfv1.x'), 'database-refused', /refer/, /foreign key/);
    expect(scratch.sql('SELECT * FROM t')).toBe(before);
    expect(await (await scratch.table({ table: 'strict_table' })).write(await marked(await scratch.table({ table: 'strict_table' })), undefined)).toEqual([true]);
  });
});
