/** What somebody does to a SQLite file in the middle of a job: the job goes on, or ends and says why; every row stays readable. */
import { expect, test } from 'vitest';

import type { TestDatabase } from '../databases/database-under-test.ts';
import { SQLITE, SQLITE_ROLLBACK } from '../databases/sqlite.ts';
import { heldRing } from '../held-ring.ts';
import { aTableOn, asRead, CANARY, convert, expected, expectWhole, PROVEN, refused } from './proof-scene.ts';

const ROWS = 200;

/** Once, after some batches. */
function inTheMiddle(act: () => void): { readonly onProgress: (progress: { readonly changed: number }) => void } {
  let done = false;
  return {
    onProgress: ({ changed }) => {
      if (done || changed < 60) return;
      done = true;
      act();
    },
  };
}

/** As the application reads it while both are allowed. */
function readable(scratch: TestDatabase, plain: (secret: string) => boolean): boolean {
  return scratch.rows().every(([, , secret]) => secret === null || secret.startsWith('lfv1.') || plain(secret));
}

for (const under of [SQLITE, SQLITE_ROLLBACK]) {
  const HARMLESS: readonly (readonly [string, string])[] = [
    ['VACUUM', 'VACUUM'],
    ['a checkpoint of the WAL', 'PRAGMA wal_checkpoint(TRUNCATE)'],
    ['another index', 'CREATE INDEX i ON t (org)'],
    ['an index of the column', 'CREATE INDEX i ON t (secret)'],
    ['another column', "ALTER TABLE t ADD COLUMN more TEXT DEFAULT 'x'"],
    ['a column less', 'ALTER TABLE t DROP COLUMN name'],
    ['statistics', 'ANALYZE'],
    ['a trigger that changes other things', "CREATE TABLE log (id); CREATE TRIGGER g AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (NEW.id); END"],
    ["the job's own table dropped", 'DROP TABLE lockfast_column_jobs'],
  ];
  test.each(HARMLESS)(`[W5] on ${under.name}, %s in the middle of a job is no obstacle`, async (_, act) => {
    const scratch = aTableOn(under, ROWS);
    const ring = await heldRing();
    expect(await convert(scratch, ring, 'encrypt', inTheMiddle(() => scratch.sql(act)))).toMatchObject({ rows: ROWS, changed: ROWS, conflicts: 0, remaining: 0 });
    expectWhole(scratch, ring, ROWS);
    expect(scratch.checkpoints()).toBe(0);
  });

  const STOPPING: readonly (readonly [string, string, string, RegExp])[] = [
    ['the table renamed', 'ALTER TABLE t RENAME TO u', 'ALTER TABLE u RENAME TO t', /no table t|is gone/],
    ['the column renamed', 'ALTER TABLE t RENAME COLUMN secret TO hidden', 'ALTER TABLE t RENAME COLUMN hidden TO secret', /no column secret|is gone/],
    ['the context column renamed', 'ALTER TABLE t RENAME COLUMN org TO tenant', 'ALTER TABLE t RENAME COLUMN tenant TO org', /no column org|is gone/],
    ['the table made anew with another key', `ALTER TABLE t RENAME TO old; CREATE TABLE t (id INT, name TEXT PRIMARY KEY, org TEXT, secret TEXT); INSERT INTO t SELECT * FROM old; DROP TABLE old`, '', /was altered while the job ran|is gone/],
    ['a trigger that alters values', "CREATE TRIGGER g AFTER UPDATE ON t BEGIN UPDATE t SET secret = upper(NEW.secret) WHERE id = NEW.id; END", 'DROP TRIGGER g', /changes what is written/],
    ['a trigger that withholds', 'CREATE TRIGGER g BEFORE UPDATE ON t BEGIN SELECT raise(IGNORE); END', 'DROP TRIGGER g', /keeps rows as they are/],
    ['a check that lets no ciphertext in', `ALTER TABLE t RENAME TO old; CREATE TABLE t (id INT PRIMARY KEY, name TEXT, org TEXT, secret TEXT CHECK (length(secret) < 140 OR id < 100)); INSERT INTO t SELECT * FROM old; DROP TABLE old`, 'ALTER TABLE t RENAME TO old; CREATE TABLE t (id INT PRIMARY KEY, name TEXT, org TEXT, secret TEXT); INSERT INTO t SELECT * FROM old; DROP TABLE old', /check does not let the value in/],
  ];
  test.each(STOPPING)(`[W5] on ${under.name}, %s in the middle of a job ends it: nothing is lost, and undone it goes on`, async (_, act, undo, message) => {
    const scratch = aTableOn(under, ROWS);
    const ring = await heldRing();
    const { code, message: said } = await refused(convert(scratch, ring, 'encrypt', inTheMiddle(() => scratch.sql(act))));
    expect({ code, said }).toEqual({ code: expect.stringMatching(/config-invalid|database-refused/) as string, said: expect.stringMatching(message) as string });
    if (undo !== '') scratch.sql(undo);
    expect(readable(scratch, (secret) => secret.startsWith(CANARY))).toBe(true);
    expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
    expectWhole(scratch, ring, ROWS);
  });
}

test('[W3] a table whose rows an application moves to other keys and tenants in the middle of a job is whole in the end', async () => {
  const scratch = aTableOn(SQLITE, ROWS);
  const ring = await heldRing();
  await convert(scratch, ring, 'encrypt', inTheMiddle(() => scratch.sql(`UPDATE t SET id = id + 1000 WHERE id % 7 = 0 AND secret NOT LIKE 'lfv1.%'; DELETE FROM t WHERE id = 199; UPDATE t SET secret = '${CANARY} new' WHERE id = 3`)), PROVEN);
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  const read = asRead(scratch, ring);
  expect(read.get(3)).toBe(`${CANARY} new`);
  expect(read.size).toBe(expected(ROWS).size - 1);
});
