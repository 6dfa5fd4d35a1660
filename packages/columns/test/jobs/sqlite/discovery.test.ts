/** The search through a database of SQLite. */
import { expect, test } from 'vitest';

import { discover, type Discovery } from '../../../src/jobs/index.ts';
import { heldRing } from '../../held-ring.ts';
import { applicationColumn, DECLARED } from '../scene.ts';
import { aDatabase } from './a-database.ts';

function places({ found }: Discovery): string[] {
  return found.map(({ table, column, path, whole, copy, rows }) => `${[table, column].join('.')}${path.map((step) => `/${step}`).join('')}${whole ? '' : ' inside'}${copy ? ' copy' : ''} ${rows}`).toSorted();
}

test('[B17] values are found in columns of any type, in documents, in tables without rowid and in copies; not where they are declared', async () => {
  const ring = await heldRing();
  const value = String(applicationColumn(ring).encrypt('x'));
  const bytes = Buffer.from(ring.cipher({ purpose: 'column' }).encryptBinary('x', { place: ['tests.secret'] }));
  const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, rowid TEXT, secret TEXT, n INT); CREATE TABLE "Old App" (k TEXT PRIMARY KEY, doc JSON, raw BLOB) WITHOUT ROWID;
    CREATE TABLE many (v TEXT); CREATE VIRTUAL TABLE words USING fts5(body); CREATE VIEW shown AS SELECT secret FROM t; CREATE TABLE empty (a TEXT)`);
  const { application } = scratch;
  application.prepare('INSERT INTO t VALUES (-5, ?, ?, ?)').run(`see ${value}`, value, value);
  application.prepare('INSERT INTO "Old App" VALUES (?, ?, ?)').run('a', JSON.stringify({ slack: [{ token: value }], other: { token: value } }), bytes);
  application.prepare('INSERT INTO words VALUES (?)').run(value);
  application.prepare("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) INSERT INTO many SELECT CASE WHEN i % 1000 = 0 THEN ? ELSE 'x' END FROM n").run(value);
  const database = await scratch.open();
  const found = await discover(database, { declared: [DECLARED], fernetKeys: [] });
  expect(places(found)).toEqual(['"Old App".doc/other/token 1', '"Old App".doc/slack/*/token 1', '"Old App".raw 1', 'many.v 12', 't.n 1', 't.rowid inside 1', 'words_content.c0 copy 1']);
  expect(found.leftOut).toEqual([{ name: 'words', why: 'virtual-table' }]);
  expect(found.found.map(({ column, declarable }) => [column, declarable])).toEqual(expect.arrayContaining([['n', false], ['raw', true], ['c0', false]]));
  expect(found.found.every(({ keys }) => Object.keys(keys).join() === ring.active().id)).toBe(true);
  const sampled = await discover(database, { declared: [DECLARED], fernetKeys: [], sample: 6000 });
  expect(sampled.found.find(({ table }) => table === 'many')!.rows).toBeLessThan(12);
});
