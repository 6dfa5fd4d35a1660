/** The table is altered while a job runs: it is refused, or the rows are counted; never is a value wrong. */
import { Client } from 'pg';
import { expect, test } from 'vitest';

import { convertColumn, StoredValues } from '../../src/jobs/index.ts';
import { intervening } from '../jobs/intervening.ts';
import { missing, type Scratch, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing } from '../held-ring.ts';
import { chosen } from './depth.ts';
import { aTable, asRead, convert, expected, expectWhole, notCurrent, PROVEN, refused, secretOf } from './proof-scene.ts';

withServer();

const ROWS = 100;

/** Alters the table before the third batch is written, and on the way has each batch read before. */
async function encryptWhile(scratch: Scratch, ring: Awaited<ReturnType<typeof heldRing>>, sql: string, beforeBatch = 3): Promise<unknown> {
  const database = await scratch.open();
  let done = false;
  try {
    return await convertColumn(
      intervening(database, {
        beforeWrite: async (n) => {
          if (n === beforeBatch && !done) {
            done = true;
            await alter(scratch, sql);
          }
        },
      }),
      PROVEN,
      new StoredValues(ring, PROVEN, []),
      { direction: 'encrypt', dryRun: false, batch: 10 },
    );
  } finally {
    await database.close();
  }
}

/** As the superuser, and not in the way of this process: the job may be reading a page meanwhile, and would not let go of the table. */
async function alter(scratch: Scratch, sql: string): Promise<void> {
  const client = new Client({ connectionString: scratch.urlOf('postgres') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Each with how it is undone, after which the same call ends well. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ['the column is dropped', 'ALTER TABLE t ADD kept text; UPDATE t SET kept = secret; ALTER TABLE t DROP secret', 'ALTER TABLE t RENAME kept TO secret'],
  ['the column is renamed', 'ALTER TABLE t RENAME secret TO token', 'ALTER TABLE t RENAME token TO secret'],
  ['the table is renamed', 'ALTER TABLE t RENAME TO u', 'ALTER TABLE u RENAME TO t'],
  ['a context column is dropped', 'ALTER TABLE t DROP org', "ALTER TABLE t ADD org text; UPDATE t SET org = 'org ' || id % 3"],
  ['the column becomes bytea', "ALTER TABLE t ALTER secret TYPE bytea USING convert_to(secret, 'UTF8')", "ALTER TABLE t ALTER secret TYPE text USING convert_from(secret, 'UTF8')"],
  ['the column becomes jsonb', 'ALTER TABLE t ALTER secret TYPE jsonb USING to_jsonb(secret)', "ALTER TABLE t ALTER secret TYPE text USING secret #>> '{}'"],
  ['the column becomes too narrow for the rest', "CREATE TABLE aside AS SELECT * FROM t WHERE secret LIKE 'lfv1%'; DELETE FROM t WHERE secret LIKE 'lfv1%'; ALTER TABLE t ALTER secret TYPE varchar(100)", 'ALTER TABLE t ALTER secret TYPE text; INSERT INTO t TABLE aside'],
  ['the key becomes text, in another order', 'ALTER TABLE t ALTER id TYPE text', 'ALTER TABLE t ALTER id TYPE int USING id::int'],
  ['the primary key is dropped', 'ALTER TABLE t DROP CONSTRAINT t_pkey', 'ALTER TABLE t ADD PRIMARY KEY (id)'],
  ['another column becomes the key', 'ALTER TABLE t DROP CONSTRAINT t_pkey, ALTER name SET NOT NULL, ADD PRIMARY KEY (name)', 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id)'],
  ['the column gets a constraint against it', "ALTER TABLE t ADD CONSTRAINT plain CHECK (secret NOT LIKE 'lfv1%') NOT VALID", 'ALTER TABLE t DROP CONSTRAINT plain'],
  ['rows are hidden from the role', 'ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id < 50)', 'ALTER TABLE t DISABLE ROW LEVEL SECURITY'],
  ['the right to change it is taken away', 'ALTER TABLE t OWNER TO postgres; GRANT SELECT ON t TO owner', 'ALTER TABLE t OWNER TO owner'],
];

test.skipIf(missing !== undefined).each(chosen(REFUSED, 5))('[W5] %s while the job runs: it stops, and says why; undone, the same call ends well', async (_, sql, undo) => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const { code, hint } = await refused(encryptWhile(scratch, ring, sql));
  expect(['config-invalid', 'database-refused']).toContain(code);
  expect(hint).not.toMatch(/report it/);
  scratch.sql(undo);
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[W5] a job that goes on over harmless changes: wider keys, more columns, a table that is written anew', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const report = await encryptWhile(scratch, ring, "ALTER TABLE t ALTER id TYPE bigint, ALTER secret TYPE varchar(5000), ADD more text DEFAULT 'x'; CLUSTER t USING t_pkey; ALTER TABLE t ALTER org TYPE varchar(20)");
  expect(report).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[D3] rows that are deleted, get other keys, swap their keys or change their context between read and write: conflicts, and right in the end', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  // All of them are in the batch that was read already; one moves to behind the cursor, one ahead of it.
  const report = await encryptWhile(
    scratch,
    ring,
    `DELETE FROM t WHERE id = 21; UPDATE t SET id = -5 WHERE id = 22; UPDATE t SET id = 500 WHERE id = 23;
     UPDATE t SET id = 1000 WHERE id = 24; UPDATE t SET id = 24 WHERE id = 25; UPDATE t SET id = 25 WHERE id = 1000;
     UPDATE t SET org = 'another' WHERE id = 26; UPDATE t SET secret = secret || '!' WHERE id = 27; DELETE FROM t WHERE id = 28; INSERT INTO t VALUES (28, 'new', 'org 1', 'new')`,
  );
  expect(report).toMatchObject({ remaining: 0, unreadable: { count: 0 }, conflicts: 8 });
  expect(notCurrent(scratch, ring)).toBe(0);
  const over: Record<number, string | undefined> = { 21: undefined, 22: undefined, 23: undefined, [-5]: secretOf(22), 500: secretOf(23), 24: secretOf(25), 25: secretOf(24), 27: `${secretOf(27)}!`, 28: 'new' };
  expect([...asRead(scratch, ring)].toSorted(([a], [b]) => a - b)).toEqual([...expected(ROWS, over)].toSorted(([a], [b]) => a - b));
});

test.skipIf(missing !== undefined)('a context column that becomes NULL: the row is left as it is, named, and counted', async () => {
  const scratch = aTable(ROWS, 'UPDATE t SET org = NULL WHERE id = 7');
  const ring = await heldRing();
  const report = await convert(scratch, ring, 'encrypt');
  expect(report).toMatchObject({ changed: ROWS - 1, unreadable: { count: 1, first: [{ key: ['7'], code: 'invalid-context' }] } });
  expect(scratch.sql('SELECT secret FROM t WHERE id = 7')).toBe(secretOf(7));
});
