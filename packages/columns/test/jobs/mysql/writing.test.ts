/** What MySQL and MariaDB do to values: nothing that a job does not see, to the byte. */
import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import { expectRefusal, refusalOf } from '../postgres/a-database.ts';
import { aMariadb, marked, missing, rowsOf, tableOf, withMariadb } from './a-database.ts';

withMariadb();

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, org varchar(20), secret longtext)';
const CHECKPOINT = { job: 'encrypt lfv1', pass: 1, after: ["7's"], counts: { rows: 7 } };

describe.skipIf(missing !== undefined)(`writing to MariaDB${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('[W5] collations that fold case, accents or spaces make no two values equal: what somebody wrote meanwhile stays', async () => {
    const columns = { c: 'varchar(300) COLLATE utf8mb4_general_ci', u: 'longtext COLLATE utf8mb4_unicode_ci', p: 'char(150) COLLATE utf8mb4_general_ci', l: 'varchar(300) CHARACTER SET latin1 COLLATE latin1_swedish_ci', x: 'text CHARACTER SET utf8mb3' };
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, org varchar(20) COLLATE utf8mb4_general_ci, ${Object.entries(columns).map(([name, type]) => `${name} ${type}`).join(', ')});
      INSERT INTO t SELECT seq, 'Org', ${Object.keys(columns).map(() => "'Sécret'").join(', ')} FROM seq_1_to_3`);
    for (const column of Object.keys(columns)) {
      const table = await tableOf(database, { column, context: ['org'] });
      const changes = await marked(table);
      database.sql(`UPDATE t SET ${column} = 'sECRET' WHERE id = 1${column === 'p' ? '' : `; UPDATE t SET ${column} = 'Sécret ' WHERE id = 2`}`);
      expect(await table.write(changes, undefined)).toEqual([false, column === 'p', true]);
      expect((await rowsOf(table)).map(({ value }) => value)).toEqual(['sECRET', column === 'p' ? 'Sécret!' : 'Sécret ', 'Sécret!']);
      const bound = await marked(table);
      database.sql('UPDATE t SET org = upper(org)');
      expect(await table.write(bound, undefined)).toEqual([false, false, false]);
      database.sql("UPDATE t SET org = 'Org'");
    }
  });

  test('values come back to the byte, through every character set that can hold them, and bytes through none', async () => {
    const awkward = ['', ' ', "it's", 'a\\b', '\\', "\\'", '"', '`', '%_', '\n\r\t', 'zwölf €', '?', '??', ':name', '/* c */ -- ', 'null', '\u0001'];
    const wide = ['😀', '\ufeffx', '日本', '\u2028'];
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, m longtext, l longtext CHARACTER SET latin1, n longtext CHARACTER SET utf16, b longblob, v varbinary(300));
      INSERT INTO t (id) SELECT seq FROM seq_1_to_${awkward.length + wide.length}`);
    const texts = { m: [...awkward, ...wide], l: awkward, n: [...awkward, ...wide] };
    for (const [column, values] of Object.entries(texts)) {
      const table = await tableOf(database, { column });
      const rows = (await rowsOf(table)).slice(0, values.length);
      expect(await table.write(rows.map((row, at) => ({ row, value: values[at]! })), undefined)).toEqual(values.map(() => true));
      expect((await rowsOf(table)).slice(0, values.length).map(({ value }) => value)).toEqual(values);
      expect(await table.write((await marked(table)).slice(0, values.length), undefined)).toEqual(values.map(() => true));
    }
    const bytes = [Buffer.alloc(0), Buffer.from([0]), Buffer.from([0xff, 0xfe, 0x27, 0x5c]), Buffer.from('lfv1.'), Buffer.from(Array.from({ length: 256 }, (_, n) => n))];
    for (const column of ['b', 'v']) {
      const table = await tableOf(database, { column });
      const rows = (await rowsOf(table)).slice(0, bytes.length);
      expect(await table.write(rows.map((row, at) => ({ row, value: bytes[at]! })), undefined)).toEqual(bytes.map(() => true));
      expect((await rowsOf(table)).slice(0, bytes.length).map(({ value }) => value)).toEqual(bytes);
    }
  });

  test('what a character set does not hold is refused, and nothing of the batch is written', async () => {
    const database = aMariadb("CREATE TABLE t (id int PRIMARY KEY, secret longtext CHARACTER SET latin1); INSERT INTO t VALUES (1, 'a'), (2, 'b')");
    const table = await tableOf(database);
    const rows = await rowsOf(table);
    await expectRefusal(table.write([{ row: rows[0]!, value: 'fine' }, { row: rows[1]!, value: '日本' }], undefined), 'database-refused', /character set does not hold it/, /utf8mb4/);
    expect(database.sql('SELECT secret FROM t')).toBe('a\nb');
  });

  test('[W3] a value that a column has no room for is refused with what is needed, and nothing is cut off, whatever the sql_mode', async () => {
    const database = aMariadb("SET GLOBAL sql_mode = ''; CREATE TABLE t (id int PRIMARY KEY, secret varchar(120), s text, c char(120)); INSERT INTO t VALUES (1, 'a', 'a', 'a'), (2, 'b', 'b', 'b')");
    const table = await tableOf(database);
    expect([table.room, await table.longestValue()]).toEqual([120, 1]);
    const rows = await rowsOf(table);
    expect(await table.write([{ row: rows[0]!, value: '😀'.repeat(120) }], undefined)).toEqual([true]);
    await expectRefusal(table.write([{ row: rows[1]!, value: 'x'.repeat(121) }], undefined), 'config-invalid', /t\.secret holds 120 characters at most, and a value needs 121/, /longtext$/);
    const small = await tableOf(database, { column: 's' });
    expect(small.room).toBe(65_535);
    // Bytes, of which these have three each: only the server knows.
    await expectRefusal(small.write([{ row: (await rowsOf(small))[0]!, value: '€'.repeat(30_000) }], undefined), 'database-refused', /too long/, /longtext/);
    const padded = await tableOf(database, { column: 'c' });
    await expectRefusal(padded.write([{ row: (await rowsOf(padded))[0]!, value: 'plain ' }], undefined), 'config-invalid', /drops the spaces/, /longtext/);
    expect(database.sql('SELECT s, c FROM t')).toBe('a|a\nb|b');
    database.sql('SET GLOBAL sql_mode = DEFAULT');
  });

  test('[W4] a rotation is no edit: ON UPDATE CURRENT_TIMESTAMP leaves the time of the last change as it is', async () => {
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, secret longtext, changed timestamp(3) NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP(3), seen datetime DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP);
      INSERT INTO t (id, secret) VALUES (1, 'a'), (2, 'b')`);
    const table = await tableOf(database);
    expect(await table.write(await marked(table), undefined)).toEqual([true, true]);
    expect(database.sql('SELECT secret, changed, seen FROM t')).toBe('a!|2020-01-01 00:00:00.000|\nb!|2020-01-01 00:00:00.000|');
  });

  test('a trigger that changes the value, or the context, stops the batch; one that is told by `set` does not', async () => {
    for (const change of ['NEW.secret = upper(NEW.secret)', "NEW.org = 'other'", 'NEW.secret = OLD.secret']) {
      const database = aMariadb(`${TABLE}; INSERT INTO t VALUES (1, 'o', 'a'), (2, 'o', 'b');
DELIMITER $$
CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW BEGIN IF @\`app.rotation\` IS NULL THEN SET ${change}; END IF; END$$`);
      const loud = await tableOf(database, { context: ['org'] });
      await expectRefusal(loud.write(await marked(loud), undefined), 'database-refused', /a trigger of \S+\.t changes what is written to secret/, /`set`/);
      expect(database.sql('SELECT * FROM t')).toBe('1|o|a\n2|o|b');
      const told = await tableOf(database, { context: ['org'], set: { 'app.rotation': 'on' } });
      expect(await told.write(await marked(told), undefined)).toEqual([true, true]);
    }
  });

  test('what the server reports quotes no value, and no statement', async () => {
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, secret varchar(200), CHECK (secret <> 'hunter2')); INSERT INTO t VALUES (1, 'a');
      CREATE TABLE u (id int PRIMARY KEY, secret varchar(200) UNIQUE); INSERT INTO u VALUES (1, 'hunter2'), (2, 'b');
      CREATE TABLE w (id int PRIMARY KEY, secret longtext); INSERT INTO w VALUES (1, 'a');
DELIMITER $$
CREATE TRIGGER g BEFORE UPDATE ON w FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'hunter2'$$`);
    for (const name of ['t', 'u', 'w']) {
      const table = await tableOf(database, { table: name });
      const error = await refusalOf(table.write([{ row: (await rowsOf(table)).at(-1)!, value: 'hunter2' }], undefined));
      expect(error.code).toBe('database-refused');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('hunter2');
    }
  });

  test('one member of a document is replaced, what else changed meanwhile in it stays, and none is made', async () => {
    const document = '{"keep": [1, 2.50, null], "config": {"tokens": ["a", "b"], "1": "one"}}';
    const database = aMariadb(`CREATE TABLE t (id int PRIMARY KEY, secret json); INSERT INTO t SELECT seq, '${document}' FROM seq_1_to_5`);
    const table = await tableOf(database, { path: ['config', 'tokens', '1'] });
    expect(table.storage).toBe('json');
    const rows = await rowsOf(table);
    expect(rows.map(({ value }) => value)).toEqual(Array(5).fill('"b"'));
    database.sql(`UPDATE t SET secret = json_set(secret, '$.keep', 'other') WHERE id = 1; UPDATE t SET secret = json_set(secret, '$.config.tokens[1]', 'fresh') WHERE id = 2;
      UPDATE t SET secret = '{"config": {}}' WHERE id = 3; UPDATE t SET secret = '{"config": {"tokens": "b"}}' WHERE id = 4`);
    expect(await table.write(rows.map((row) => ({ row, value: '"lfv1.x \\"ä\\""' })), undefined)).toEqual([true, false, false, false, true]);
    expect(database.sql('SELECT secret FROM t').split('\n').map((line) => JSON.parse(line) as unknown)).toEqual([
      { keep: 'other', config: { tokens: ['a', 'lfv1.x "ä"'], 1: 'one' } },
      { keep: [1, 2.5, null], config: { tokens: ['a', 'fresh'], 1: 'one' } },
      { config: {} },
      { config: { tokens: 'b' } },
      { keep: [1, 2.5, null], config: { tokens: ['a', 'lfv1.x "ä"'], 1: 'one' } },
    ]);
    // A number may be the name of a member, too.
    const named = await tableOf(database, { path: ['config', '1'] });
    expect((await rowsOf(named)).map(({ value }) => value)).toEqual(['"one"', '"one"', null, null, '"one"']);
    const [first] = await rowsOf(named);
    expect(await named.write([{ row: first!, value: null }], undefined)).toEqual([true]);
    expect((await rowsOf(named))[0]!.value).toBeNull();
    const whole = await tableOf(database);
    expect((await rowsOf(whole))[2]!.value).toBe('{"config": {}}');
  });

  test('a checkpoint is written in the transaction of its batch, and belongs to one column and one key', async () => {
    const database = aMariadb("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL UNIQUE, secret longtext); INSERT INTO t VALUES (1, 1, 'a')");
    const table = await tableOf(database);
    expect(await table.checkpoint()).toBeUndefined();
    expect(database.checkpoints()).toBe(0);
    await table.write(await marked(table), CHECKPOINT);
    expect(await (await tableOf(database)).checkpoint()).toEqual(CHECKPOINT);
    expect(await (await tableOf(database, { key: ['n'] })).checkpoint()).toBeUndefined();
    expect(await (await tableOf(database, { id: 'tests.other' })).checkpoint()).toBeUndefined();
    await table.forgetCheckpoint();
    expect(database.checkpoints()).toBe(0);
  });

  test('a role that may make no table works without checkpoints, and says so', async () => {
    const database = aMariadb(`${TABLE}; INSERT INTO t VALUES (1, 'o', 'a')`);
    const name = new URL(database.url).pathname.slice(1);
    database.sql(`CREATE OR REPLACE USER narrow; GRANT SELECT (id, secret), UPDATE (secret) ON ${name}.t TO narrow`);
    const narrow = await (await database.open(database.url.replace('owner@', 'narrow@'))).table({ id: 'tests.secret', table: 't', column: 'secret', context: [] });
    expect(narrow.checkpoints).toBe('not-permitted');
    expect(await narrow.write(await marked(narrow), CHECKPOINT)).toEqual([true]);
    expect(database.sql(`SELECT count(*) FROM information_schema.tables WHERE table_schema = '${name}'`)).toBe('1');
    await (await tableOf(database)).write([], CHECKPOINT);
    database.sql(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name}.lockfast_column_jobs TO narrow`);
    const granted = await (await database.open(database.url.replace('owner@', 'narrow@'))).table({ id: 'tests.secret', table: 't', column: 'secret', context: [] });
    expect([granted.checkpoints, await granted.checkpoint()]).toEqual(['kept', CHECKPOINT]);
  });
});
