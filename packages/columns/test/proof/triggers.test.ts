/** Triggers of the application that tell, refuse, alter or withhold what a job writes. */
import { expect, test } from 'vitest';

import { missing, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing } from '../held-ring.ts';
import { chosen } from './depth.ts';
import { aTable, asRead, CANARY, convert, expected, expectWhole, PROVEN, refused } from './proof-scene.ts';

withServer();

const ROWS = 30;

/** @param body PL/pgSQL of a trigger's function */
function trigger(when: string, body: string, last = ''): string {
  return `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$; CREATE ${last === '' ? '' : 'CONSTRAINT '}TRIGGER g ${when} ON t ${last} FOR EACH ROW EXECUTE FUNCTION f();`;
}

test.skipIf(missing !== undefined)('[W4] a trigger for updated_at is told by `set` that it is the job, and leaves the time alone', async () => {
  const scratch = aTable(
    ROWS,
    `ALTER TABLE t ADD updated_at timestamptz DEFAULT '2020-01-01'; ${trigger('BEFORE UPDATE', "IF current_setting('app.rotation', true) IS DISTINCT FROM 'on' THEN NEW.updated_at = now(); END IF; RETURN NEW;")}`,
  );
  const ring = await heldRing();
  await convert(scratch, ring, 'encrypt', {}, { ...PROVEN, set: { 'app.rotation': 'on' } });
  expectWhole(scratch, ring, ROWS);
  expect(scratch.sql("SELECT count(*) FROM t WHERE updated_at = '2020-01-01'")).toBe(String(ROWS));
  // The setting was each transaction's own: the application's trigger goes on.
  scratch.sql('UPDATE t SET name = name WHERE id = 1');
  expect(scratch.sql("SELECT count(*) FROM t WHERE updated_at = '2020-01-01'")).toBe(String(ROWS - 1));
});

/** All of them would destroy values, or never end. */
const HARMFUL: readonly (readonly [string, string, RegExp])[] = [
  ['changes the value before it is stored', trigger('BEFORE UPDATE', 'NEW.secret = upper(NEW.secret); RETURN NEW;'), /changes what is written/],
  ['puts the old value back', trigger('BEFORE UPDATE', 'NEW.secret = OLD.secret; RETURN NEW;'), /changes what is written/],
  ['changes the context that the value is bound to', trigger('BEFORE UPDATE', "NEW.org = NEW.org || '!'; RETURN NEW;"), /changes what is written/],
  ['changes the value after it was stored', trigger('AFTER UPDATE', 'UPDATE t SET secret = upper(NEW.secret) WHERE id = NEW.id AND secret <> upper(NEW.secret); RETURN NULL;'), /changes what is written/],
  ['changes the context after it was stored', trigger('AFTER UPDATE', "UPDATE t SET org = 'late' WHERE id = NEW.id AND org <> 'late'; RETURN NULL;"), /changes what is written/],
  ['removes the row after it was stored', trigger('AFTER UPDATE', 'DELETE FROM t WHERE id = NEW.id; RETURN NULL;'), /changes what is written/],
  [
    'changes the value at the very end of the transaction',
    trigger('AFTER UPDATE', 'UPDATE t SET secret = upper(NEW.secret) WHERE id = NEW.id AND secret <> upper(NEW.secret); RETURN NULL;', 'DEFERRABLE INITIALLY DEFERRED'),
    /changes what is written/,
  ],
  ['withholds the change and says nothing', trigger('BEFORE UPDATE', 'RETURN NULL;'), /keeps rows as they are/],
  ['refuses, and quotes the row', trigger('BEFORE UPDATE', "RAISE EXCEPTION 'not %', OLD.secret USING DETAIL = OLD.secret, HINT = OLD.secret;"), /refused/],
  ['refuses with a code of its own', trigger('BEFORE UPDATE', "RAISE EXCEPTION 'not %', OLD.secret USING ERRCODE = 'LF001', DETAIL = OLD.secret;"), /LF001/],
  ['refuses as a constraint that is named like the value', trigger('BEFORE UPDATE', "RAISE check_violation USING MESSAGE = 'no', CONSTRAINT = OLD.secret, COLUMN = OLD.secret, TABLE = OLD.secret;"), /constraint/],
  ['fails at the end of the transaction', trigger('AFTER UPDATE', "RAISE EXCEPTION 'not %', OLD.secret;", 'DEFERRABLE INITIALLY DEFERRED'), /refused/],
];

test.skipIf(missing !== undefined).each(chosen(HARMFUL, 6))('[W5] a trigger that %s stops the job at its first batch: every row is as it was, and the message is about the trigger', async (_, setUp, message) => {
  const scratch = aTable(ROWS, setUp);
  const ring = await heldRing();
  const { code, message: said, hint } = await refused(convert(scratch, ring, 'encrypt'));
  expect({ code, said }).toEqual({ code: 'database-refused', said: expect.stringMatching(message) as string });
  expect(hint).toMatch(/trigger|constraint|log/);
  expect(scratch.sql(`SELECT count(*) FROM t WHERE secret = '${CANARY} ' || id AND org = 'org ' || id % 3`)).toBe(String(ROWS));
  scratch.sql('DROP TRIGGER g ON t');
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ changed: ROWS, conflicts: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[W4] a trigger after an update that changes other things is no obstacle', async () => {
  const scratch = aTable(ROWS, `CREATE TABLE log (id int); ${trigger('AFTER UPDATE', 'INSERT INTO log VALUES (NEW.id); UPDATE t SET name = $x$seen$x$ WHERE id = NEW.id AND name <> $x$seen$x$; RETURN NULL;')}`);
  const ring = await heldRing();
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ changed: ROWS, conflicts: 0 });
  expectWhole(scratch, ring, ROWS);
  expect(scratch.sql("SELECT count(*) FROM t WHERE name = 'seen'")).toBe(String(ROWS));
  expect(asRead(scratch, ring)).toEqual(expected(ROWS));
});

test.skipIf(missing !== undefined)('a trigger that alters one row in the middle of a table: what was committed before stands, and nothing of that batch', async () => {
  const scratch = aTable(ROWS, trigger('BEFORE UPDATE', 'IF NEW.id = 25 THEN NEW.secret = lower(NEW.secret); END IF; RETURN NEW;'));
  const ring = await heldRing();
  await refused(convert(scratch, ring, 'encrypt', { batch: 10 }));
  expect(scratch.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM t WHERE secret NOT LIKE 'lfv1.%'")).toBe('21,22,23,24,25,26,27,28,29,30');
});
