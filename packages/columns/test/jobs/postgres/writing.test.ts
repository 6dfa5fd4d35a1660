import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import type { ColumnTable, ColumnTarget, RowChange, StoredRow } from '../../../src/jobs/database.ts';
import { aDatabase, aTarget, everyRow, expectRefusal, missing, refusalOf, withServer } from './a-database.ts';

withServer();

async function rowsOf(table: ColumnTable): Promise<readonly StoredRow[]> {
  return await everyRow(table, 100);
}

/** Every value with `!` behind it. */
async function marked(table: ColumnTable): Promise<readonly RowChange[]> {
  return (await rowsOf(table)).filter(({ value }) => value !== null).map((row) => ({ row, value: Buffer.isBuffer(row.value) ? Buffer.concat([row.value, Buffer.from('!')]) : `${row.value}!` }));
}

describe.skipIf(missing !== undefined)(`writing a batch to PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  const TENANTS = `CREATE TABLE t (id bigint PRIMARY KEY, org text, secret text, other int DEFAULT 0);
    INSERT INTO t SELECT n, 'org' || n, CASE WHEN n <> 3 THEN 'secret ' || n END FROM generate_series(1, 5) n`;

  test('[W3] every value that is still what was read is replaced, in one statement', async () => {
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

  test('[W5] the checkpoint is kept with the batch, or not at all', async () => {
    const scratch = aDatabase(`${TENANTS}; ALTER TABLE t ADD CHECK (secret <> 'secret 5!')`);
    const table = await scratch.table({});
    const changes = await marked(table);
    const checkpoint = { job: 'encrypt lfv1', pass: 1, after: ['2'], counts: { rows: 2 } };
    expect(await table.checkpoint()).toBeUndefined();
    await table.write(changes.slice(0, 2), checkpoint);
    expect(await table.checkpoint()).toEqual(checkpoint);
    await expectRefusal(table.write(changes.slice(2), { ...checkpoint, pass: 2 }), 'database-refused', /constraint does not let the value in \(.*constraint t_secret_check\)/, /constraint/);
    expect(await table.checkpoint()).toEqual(checkpoint);
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE '%!'")).toBe('2');
    await table.forgetCheckpoint();
    expect(await table.checkpoint()).toBeUndefined();
  });

  test('values of every type go in as they are, with quotes, backslashes and letters of all languages', async () => {
    const awkward = ['', ' ', "it's", 'a"b\\c', '{1,2}', 'NULL', 'Zürich 東京 😀', 'tab\tline\nend ', '\\x41'];
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, secret text, bytes bytea, doc jsonb, raw json);
      INSERT INTO t SELECT n, 'old', 'old', '{"a": "old"}', '{"a": "old"}' FROM generate_series(1, ${awkward.length}) n`);
    const forms: readonly (readonly [Partial<ColumnTarget>, (text: string) => string | Buffer])[] = [
      [{}, (text) => text],
      [{ column: 'bytes' }, (text) => Buffer.concat([Buffer.from(text), Buffer.from([0, 255, 0x5c])])],
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

  test('types that fold case or ignore spaces are compared to the byte', async () => {
    const scratch = aDatabase('');
    scratch.sql(`CREATE EXTENSION citext; CREATE COLLATION folded (provider = icu, locale = 'und-u-ks-level2', deterministic = false); CREATE DOMAIN token AS citext;
      CREATE TABLE t (id int PRIMARY KEY, c citext, d token, f text COLLATE folded, v varchar(150), org citext, place text COLLATE folded);
      INSERT INTO t SELECT n, 'Secret', 'Secret', 'Secret', 'Secret', 'Org', 'Here' FROM generate_series(1, 2) n; ALTER TABLE t OWNER TO owner`);
    for (const column of ['c', 'd', 'f', 'v']) {
      const table = await scratch.table({ column, context: ['org'] });
      const changes = await marked(table);
      scratch.sql(`UPDATE t SET ${column} = 'sECRET' WHERE id = 1`);
      expect(await table.write(changes, undefined)).toEqual([false, true]);
      expect(scratch.sql(`SELECT ${column} FROM t ORDER BY id`).split('\n')).toEqual(['sECRET', 'Secret!']);
    }
    for (const context of ['org', 'place']) {
      const bound = await scratch.table({ context: [context], column: 'c' });
      const changes = await marked(bound);
      scratch.sql(`UPDATE t SET ${context} = upper(${context})`);
      expect(await bound.write(changes, undefined)).toEqual([false, false]);
    }
    const table = await scratch.table({ column: 'v' });
    const spaced = await marked(table);
    scratch.sql("UPDATE t SET v = v || ' '");
    expect(await table.write(spaced, undefined)).toEqual([false, false]);
  });

  test('one member of a document is replaced, and what else changed meanwhile in it stays', async () => {
    const document = '{"keep": [1, 2.50, null], "config": {"tokens": ["a", "b"], "n": 1}}';
    const scratch = aDatabase(`CREATE DOMAIN settings AS jsonb; CREATE TABLE t (id int PRIMARY KEY, b jsonb, j json, d settings); INSERT INTO t SELECT n, '${document}', '${document}', '${document}' FROM generate_series(1, 4) n`);
    for (const column of ['b', 'j', 'd']) {
      const table = await scratch.table({ column, path: ['config', 'tokens', '1'] });
      expect(table.storage).toBe('json');
      const rows = await rowsOf(table);
      expect(rows.map(({ value }) => value)).toEqual(['"b"', '"b"', '"b"', '"b"']);
      scratch.sql(`UPDATE t SET ${column} = jsonb_set(${column}::jsonb, '{keep}', '"other"')::${column === 'j' ? 'json' : 'jsonb'} WHERE id = 1;
        UPDATE t SET ${column} = jsonb_set(${column}::jsonb, '{config,tokens,1}', '"fresh"')::${column === 'j' ? 'json' : 'jsonb'} WHERE id = 2; UPDATE t SET ${column} = '{"config": {}}' WHERE id = 3`);
      expect(await table.write(rows.map((row) => ({ row, value: '"lfv1.x"' })), undefined)).toEqual([true, false, false, true]);
      const after = scratch.sql(`SELECT ${column}::jsonb FROM t ORDER BY id`).split('\n').map((line) => JSON.parse(line) as unknown);
      expect(after).toEqual([
        { keep: 'other', config: { tokens: ['a', 'lfv1.x'], n: 1 } },
        { keep: [1, 2.5, null], config: { tokens: ['a', 'fresh'], n: 1 } },
        { config: {} },
        { keep: [1, 2.5, null], config: { tokens: ['a', 'lfv1.x'], n: 1 } },
      ]);
    }
  });

  test('no such member, JSON null and NULL are no value; an emptied member is null, and none is made', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, b jsonb, j json);
      INSERT INTO t SELECT row_number() OVER (), d::jsonb, d::json FROM (VALUES ('{"a": "x"}'), ('{"a": null}'), ('{}'), (NULL), ('[]'), ('"a"'), (' null ')) v(d)`);
    for (const column of ['b', 'j']) {
      const table = await scratch.table({ column, path: ['a'] });
      const rows = await rowsOf(table);
      expect(rows.map(({ value }) => value)).toEqual(['"x"', null, null, null, null, null, null]);
      expect(await table.write(rows.slice(1).map((row) => ({ row, value: '1' })), undefined)).toEqual([true, false, false, false, false, false]);
      expect(await table.write(rows.slice(0, 1).map((row) => ({ row, value: null })), undefined)).toEqual([true]);
      expect(scratch.sql(`SELECT ${column}::jsonb FROM t WHERE id < 3 ORDER BY id`)).toBe('{"a": null}\n{"a": 1}');
      const whole = await scratch.table({ column });
      expect((await rowsOf(whole)).map(({ value }) => value === null)).toEqual([false, false, false, true, false, false, true]);
    }
    await expectRefusal((await scratch.table({ column: 'b' })).write([{ row: (await rowsOf(await scratch.table({ column: 'b' })))[0]!, value: 'no json' }], undefined), 'database-refused', /22P02/, /./);
  });

  test('[W3] a value that a column has no room for is refused with what is needed, and nothing of the batch is written', async () => {
    const scratch = aDatabase("CREATE DOMAIN token AS varchar(120); CREATE TABLE t (id int PRIMARY KEY, secret varchar(120), d token); INSERT INTO t SELECT n, 's', 's' FROM generate_series(1, 3) n");
    for (const column of ['secret', 'd']) {
      const table = await scratch.table({ column });
      expect([table.room, await table.longestValue()]).toEqual([120, 1]);
      const rows = await rowsOf(table);
      // Characters, not UTF-16 units.
      expect(await table.write([{ row: rows[0]!, value: '😀'.repeat(120) }], undefined)).toEqual([true]);
      const changes = [...rows.slice(1, 2).map((row) => ({ row, value: 'short' })), { row: rows[2]!, value: 'x'.repeat(121) }];
      await expectRefusal(table.write(changes, undefined), 'config-invalid', new RegExp(`public\\.t\\.${column} holds 120 characters at most, and a value needs 121`), /TYPE text$/);
      expect(scratch.sql(`SELECT ${column} FROM t WHERE id > 1`)).toBe('s\ns');
    }
    expect((await scratch.table({})).room).toBe(120);
  });

  test("a trigger sees the declared settings, and one that changes the value stops the batch", async () => {
    const scratch = aDatabase(`${TENANTS};
      CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF current_setting('app.rotation', true) IS DISTINCT FROM 'on' THEN NEW.secret := upper(NEW.secret); NEW.other := NEW.other + 1; END IF; RETURN NEW; END $$;
      CREATE TRIGGER shout BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION shout()`);
    const loud = await scratch.table({});
    await expectRefusal(loud.write(await marked(loud), undefined), 'database-refused', /a trigger of public\.t changes what is written to secret/, /`set`/);
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE '%!' OR other > 0")).toBe('0');
    const told = await scratch.table({ set: { 'app.rotation': 'on' } });
    expect(await told.write(await marked(told), undefined)).toEqual([true, true, true, true]);
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE 'secret%!' AND other = 0")).toBe('4');
    await expectRefusal((await scratch.table({})).read(null, 1).then(async () => await scratch.table({ set: { 'no such': 'on' } })), 'database-refused', /setting/, /`set`/);
    await expectRefusal(scratch.table({ set: { 'app.rotation': 'o\0n' } }), 'config-invalid', /NUL/, /./);
  });

  test('what the server reports quotes no value', async () => {
    const scratch = aDatabase(`${TENANTS}; ALTER TABLE t ADD CHECK (secret <> 'hunter2'); CREATE TABLE u (id int PRIMARY KEY, secret text UNIQUE); INSERT INTO u VALUES (1, 'hunter2'), (2, 'b');
      CREATE TABLE r (id int PRIMARY KEY, secret jsonb); INSERT INTO r VALUES (1, '1')`);
    const errors = [];
    for (const [table, value] of [['t', 'hunter2'], ['u', 'hunter2'], ['r', '{hunter2']] as const) {
      const column = await scratch.table({ table });
      const rows = await rowsOf(column);
      errors.push(await refusalOf(column.write([{ row: rows.at(-1)!, value }], undefined)));
    }
    expect(errors.map(({ code }) => code)).toEqual(['database-refused', 'database-refused', 'database-refused']);
    expect(errors.map((error) => inspect(error)).join('\n')).not.toContain('hunter2');
  });

  test('a role that may make no table works without checkpoints, and says so', async () => {
    const scratch = aDatabase(`${TENANTS}; GRANT SELECT, UPDATE ON t TO app`);
    const app = await scratch.open(scratch.urlOf('app'));
    const table = await app.table(aTarget({}));
    const checkpoint = { job: 'encrypt lfv1', pass: 1, after: null, counts: {} };
    expect(table.checkpoints).toBe('not-permitted');
    expect(await table.write(await marked(table), checkpoint)).toEqual([true, true, true, true]);
    expect(await table.checkpoint()).toBeUndefined();
    await table.forgetCheckpoint();
    // Made by another one, and granted: kept.
    await (await scratch.table({})).write([], checkpoint);
    expect((await app.table(aTarget({}))).checkpoints).toBe('not-permitted');
    scratch.sql('GRANT USAGE ON SCHEMA lockfast TO app; GRANT ALL ON lockfast.column_jobs TO app');
    const granted = await app.table(aTarget({}));
    expect(granted.checkpoints).toBe('kept');
    expect(await granted.checkpoint()).toEqual(checkpoint);
  });

  test('[W5] a checkpoint belongs to one column and one key', async () => {
    const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL UNIQUE, secret text)`);
    const checkpoint = { job: 'rotate lfv1', pass: 3, after: ["7's"], counts: { rows: 7 } };
    await (await scratch.table({})).write([], checkpoint);
    expect(await (await scratch.table({})).checkpoint()).toEqual(checkpoint);
    expect(await (await scratch.table({ key: ['n'] })).checkpoint()).toBeUndefined();
    expect(await (await scratch.table({ id: 'tests.other' })).checkpoint()).toBeUndefined();
  });

  test('a dry look writes nothing: no schema, no table', async () => {
    const scratch = aDatabase(TENANTS);
    const table = await scratch.table({});
    await rowsOf(table);
    await table.census();
    await table.sample(3);
    await table.checkpoint();
    await table.forgetCheckpoint();
    expect(scratch.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'lockfast'")).toBe('0');
  });

  test('a batch is as durable as the server can make it, whatever the role has set', async () => {
    const scratch = aDatabase(`${TENANTS}; CREATE TABLE seen (commit text, isolation text, lock text);
      CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit'), current_setting('transaction_isolation'), current_setting('lock_timeout')); RETURN NULL; END $$;
      CREATE TRIGGER look AFTER UPDATE ON t EXECUTE FUNCTION look();
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$`);
    const table = await scratch.table({});
    await table.write(await marked(table), undefined);
    const hasty = await scratch.table({ set: { synchronous_commit: 'off', lock_timeout: '5s' } });
    await hasty.write(await marked(hasty), undefined);
    expect(scratch.sql('SELECT * FROM seen')).toBe('on|read committed|2s\non|read committed|5s');
  });
});
