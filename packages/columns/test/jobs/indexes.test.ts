/** Blind indexes over whole tables: built, verified, rotated among writers, and never an index of another value. */
import { column } from '@lockfast/columns';
import type { KeyRing } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { censusIndex, convertColumn, type DeclaredColumn, type DeclaredIndex, StoredValues } from '../../src/jobs/index.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { build, DEFINITION, INDEX, SOURCE, write } from './index-application.ts';
import { anIndexScene, emailsOf, fill, found, survey } from './index-scene.ts';
import { intervening } from './intervening.ts';
import { missing, refusalOf, withServer } from './postgres/a-database.ts';
import { Recorded } from './scene.ts';

withServer();

const ROWS = 400;
const ID = DEFINITION.id;

async function indexedRing(): Promise<KeyRing> {
  return (await heldRing()).withNewIndexKey(ID);
}

function secondKey(ring: KeyRing): { readonly staged: KeyRing; readonly active: KeyRing } {
  const staged = ring.withNewIndexKey(ID);
  return { staged, active: staged.withIndexKeyActive(ID) };
}

test.skipIf(missing !== undefined)('[B14] the first build fills every row that has a value; searches find it, in any case and width; a second one changes nothing', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, [...emailsOf(ROWS), null, null]);
  expect(await found(scene, ring, 'customer7@example.com')).toEqual([]);
  const audit = new Recorded();
  const dry = await build(scene, ring, { dryRun: true, audit });
  expect(dry).toMatchObject({ rows: ROWS + 2, missing: ROWS, changed: ROWS, null: 2 });
  expect(scene.scratch.sql('SELECT count(email_index) FROM customers')).toBe('0');
  expect(audit.events).toMatchObject([{ operation: 'column-index-build-dry-run', object: ID, outcome: 'success' }]);
  expect(await build(scene, ring, { audit })).toMatchObject({ rows: ROWS + 2, missing: ROWS, changed: ROWS, null: 2, already: 0, stale: 0, passes: 2, remaining: 0, unreadable: { count: 0 } });
  expect(audit.intents).toMatchObject([{ operation: 'column-index-build', object: ID, keyId: ring.indexKeys[0]!.id }]);
  expect(audit.outcomes).toMatchObject([{ outcome: 'success', details: { changed: ROWS } }]);
  expect(await found(scene, ring, 'customer7@example.com')).toEqual([7]);
  expect(await found(scene, ring, 'CUSTOMER7@ＥＸＡＭＰＬＥ.com')).toEqual([7]);
  expect(await found(scene, ring, 'customer7@example.com', 'globex')).toEqual([]);
  expect(await build(scene, ring)).toMatchObject({ already: ROWS, changed: 0, missing: 0, passes: 1 });
  expect(await survey(scene, ring)).toMatchObject({ rows: ROWS + 2, null: 2, keys: { [ring.indexKeys[0]!.id]: ROWS }, missing: 0, stale: 0, unreadable: {} });
  // A rotation of the data keys is none of the index.
  const rotated = rotatedRing(ring);
  await convertColumn(scene.database, SOURCE, new StoredValues(rotated, SOURCE, []), { direction: 'rotate', dryRun: false, batch: 1000 });
  expect(await build(scene, rotated)).toMatchObject({ already: ROWS, changed: 0 });
});

test.skipIf(missing !== undefined)('[D7] a rotation: every row is found at every moment, by programs with the ring before and the one after; then nothing is under the old key', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  const { staged, active } = secondKey(ring);
  await fill(scene, ring, emailsOf(ROWS));
  await build(scene, ring);
  const looks: number[][] = [];
  const look = async (): Promise<void> => {
    for (const id of [1, 150, 399]) for (const one of [staged, active]) looks.push([id, ...(await found(scene, one, `customer${id}@example.com`))]);
  };
  // Two servers, the one on the ring with the staged key, write while the job runs.
  const report = await build({ database: intervening(scene.database, { beforeWrite: look, afterWrite: look }) }, active, { batch: 100 });
  expect(report).toMatchObject({ older: ROWS, changed: ROWS, already: 0 });
  expect(looks.length).toBeGreaterThan(40);
  expect(looks.filter(([id, ...ids]) => ids.length !== 1 || ids[0] !== id)).toEqual([]);
  const [old, now] = active.indexKeys.map(({ id }) => id);
  expect(await censusIndex(scene.database, INDEX, active)).toEqual({ id: ID, rows: ROWS, null: 0, keys: { [now!]: ROWS }, unknown: 0 });
  await write(scene, staged, 7, 'late@example.com');
  expect((await censusIndex(scene.database, INDEX, active)).keys).toEqual({ [old!]: 1, [now!]: ROWS - 1 });
  expect(await build(scene, active)).toMatchObject({ older: 1, changed: 1 });
  const finished = active.withIndexKeyDestroyed(ID);
  expect(await found(scene, finished, 'late@example.com')).toEqual([7]);
});

test.skipIf(missing !== undefined)('[D3] [B14] what an application writes between read and write keeps its own index, and no row gets that of the value before', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(ROWS));
  const source = column(ring, { id: SOURCE.id, context: ['org'] });
  const report = await build(
    {
      database: intervening(scene.database, {
        beforeWrite: async (n) => {
          if (n !== 2) return;
          await write(scene, ring, 150, 'new@example.com');
          // One that knows nothing of the index yet; one that moves to another organization; one that is emptied, one that goes.
          await scene.client.query('UPDATE customers SET email = $1 WHERE id = 151', [source.encrypt('forgot@example.com', { org: 'acme' })]);
          await write(scene, ring, 152, 'customer152@example.com', 'globex');
          await scene.client.query('UPDATE customers SET email = NULL WHERE id = 153');
          await scene.client.query('DELETE FROM customers WHERE id = 154');
        },
      }),
    },
    ring,
    { batch: 100 },
  );
  expect(report).toMatchObject({ conflicts: 5, remaining: 0 });
  expect(await found(scene, ring, 'new@example.com')).toEqual([150]);
  expect(await found(scene, ring, 'customer150@example.com')).toEqual([]);
  expect(await found(scene, ring, 'forgot@example.com')).toEqual([151]);
  expect(await found(scene, ring, 'customer152@example.com')).toEqual([]);
  expect(await found(scene, ring, 'customer152@example.com', 'globex')).toEqual([152]);
  expect(await survey(scene, ring)).toMatchObject({ rows: ROWS - 1, null: 1, missing: 0, stale: 0 });
});

test.skipIf(missing !== undefined)('[B14] a writer that forgets the index is found, counted, named, and repaired', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(20));
  await build(scene, ring);
  const source = column(ring, { id: SOURCE.id, context: ['org'] });
  await scene.client.query('UPDATE customers SET email = $1 WHERE id = 3', [source.encrypt('other@example.com', { org: 'acme' })]);
  await scene.client.query('UPDATE customers SET email = NULL WHERE id = 4');
  await scene.client.query('UPDATE customers SET email_index = NULL WHERE id = 5');
  await scene.client.query("UPDATE customers SET email_index = 'lfi1.zzzzzz.AAAA' WHERE id = 6");
  await scene.client.query("UPDATE customers SET email_index = 'what' WHERE id = 7");
  // It still looks right from outside.
  expect(await censusIndex(scene.database, INDEX, ring)).toMatchObject({ rows: 20, null: 1, unknown: 2 });
  const survey1 = await survey(scene, ring);
  expect(survey1).toMatchObject({ missing: 1, stale: 4, first: ['3', '4', '5', '6', '7'].map((id) => ({ key: [id] })) });
  const rows: unknown[] = [];
  expect(await build(scene, ring, { onRow: (row) => rows.push([row.key[0], row.what]) })).toMatchObject({ missing: 1, stale: 4, changed: 5, already: 15 });
  expect(rows).toEqual(['3', '4', '5', '6', '7'].map((id) => [id, 'changed']));
  expect(await survey(scene, ring)).toMatchObject({ missing: 0, stale: 0, null: 1 });
  expect(await found(scene, ring, 'other@example.com')).toEqual([3]);
});

test.skipIf(missing !== undefined)('values that do not open are left with the index that they have, and counted; plaintext is indexed like what is encrypted', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(10));
  const foreign = column(await heldRing(), { id: SOURCE.id, context: ['org'] });
  await scene.client.query("UPDATE customers SET email = $1, email_index = 'lfi1.zzzzzz.kept' WHERE id = 3", [foreign.encrypt('x', { org: 'acme' })]);
  await scene.client.query('UPDATE customers SET org = NULL WHERE id = 4');
  await scene.client.query("UPDATE customers SET email = 'plain@example.com' WHERE id = 5");
  expect(await build(scene, ring)).toMatchObject({ changed: 8, unreadable: { count: 2, first: [{ key: ['3'], code: 'missing-key' }, { key: ['4'], code: 'invalid-context' }] } });
  expect(scene.scratch.sql('SELECT email_index FROM customers WHERE id = 3')).toBe('lfi1.zzzzzz.kept');
  expect(await found(scene, ring, 'plain@example.com')).toEqual([5]);
  expect((await survey(scene, ring)).unreadable).toEqual({ 'missing-key': 1, 'invalid-context': 1 });
});

test.skipIf(missing !== undefined)('[B14] NUL, invalid Unicode, white space, very long texts and empty ones: each is indexed, or counted as unreadable', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  const long = 'ü'.repeat(200_000);
  await fill(scene, ring, ['a\0b', '', ' ', long, `${long}x`, 'e\u0301']);
  const bytes = column(ring, { id: SOURCE.id, context: ['org'], as: 'bytes' });
  await scene.client.query("INSERT INTO customers VALUES (7, 'x', 'acme', $1)", [bytes.encrypt(Buffer.from([0xff, 0xfe]), { org: 'acme' })]);
  expect(await build(scene, ring)).toMatchObject({ changed: 6, unreadable: { count: 1, first: [{ code: 'invalid-text' }] } });
  expect(await found(scene, ring, 'a\0b')).toEqual([1]);
  expect(await found(scene, ring, '')).toEqual([2]);
  expect(await found(scene, ring, long.toUpperCase())).toEqual([4]);
  expect(await found(scene, ring, 'É')).toEqual([6]);
});

test.skipIf(missing !== undefined)('pages are bounded by the bytes of the values that are read, though only indexes are written', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, Array.from({ length: 12 }, (_, n) => `${n}${'x'.repeat(2_000_000)}`));
  const sizes: number[] = [];
  expect(await build({ database: intervening(scene.database, { sizes }) }, ring)).toMatchObject({ changed: 12 });
  expect(sizes.length).toBeGreaterThan(2);
});

test.skipIf(missing !== undefined)('[B14] a column of few different values is refused, unless that is accepted; nothing is changed', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, Array.from({ length: 200 }, (_, n) => (n % 3 === 0 ? 'positive' : 'negative')));
  const refusal = await refusalOf(build(scene, ring));
  expect(refusal).toMatchObject({ code: 'config-invalid', message: expect.stringContaining('only 2 different values in 200 rows') as unknown, hint: expect.stringContaining('few-values') as unknown });
  expect(refusal.message + refusal.hint).not.toContain('negative');
  expect(scene.scratch.sql('SELECT count(email_index) FROM customers')).toBe('0');
  expect(await build(scene, ring, { fewValues: true })).toMatchObject({ changed: 200 });
});

test.skipIf(missing !== undefined)('truncated: others are found, too, and decrypting tells', async () => {
  const definition = { ...DEFINITION, bits: 8 };
  const declared: DeclaredIndex = { ...INDEX, definition };
  const scene = await anIndexScene('text', 'char(20)');
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(2000));
  await build(scene, ring, { declared });
  const ids = await found(scene, ring, 'customer7@example.com', 'acme', definition);
  expect(ids).toContain(7);
  expect(ids.length).toBeGreaterThan(2);
  expect(ids.length).toBeLessThan(30);
});

test.skipIf(missing !== undefined).for<[string, string, string, Partial<DeclaredIndex>, RegExp]>([
  ['binary values', 'bytea', 'text', {}, /is binary/],
  ['values in JSON', 'jsonb', 'text', {}, /is JSON/],
  ['values inside JSON', 'jsonb', 'text', { source: { ...SOURCE, path: ['a'] } }, /lies inside a JSON column/],
  ['values that are bytes', 'text', 'text', { source: { ...SOURCE, as: 'bytes' } }, /holds bytes/],
  ['an index column of bytes', 'text', 'bytea', {}, /email_index is binary/],
  ['an index column that is too narrow', 'text', 'varchar(54)', {}, /54 characters at most/],
  ['an index column of numbers', 'text', 'int', {}, /is of type int4/],
  ['no such index column', 'text', 'text', { column: 'nothing' }, /has no column nothing/],
  ['the column itself', 'text', 'text', { column: 'email' }, /part of its own context/],
  ['a context that is not there', 'text', 'text', { definition: { ...DEFINITION, context: ['nothing'] } }, /has no column nothing/],
])('%s: refused before anything is changed', async ([, email, index, part, message]) => {
  const scene = await anIndexScene(email, index);
  const ring = await indexedRing();
  const declared = { ...INDEX, ...part };
  expect(await refusalOf(build(scene, ring, { declared }))).toMatchObject({ code: 'config-invalid', message: expect.stringMatching(message) as unknown });
  expect(await refusalOf(survey(scene, ring, declared))).toMatchObject({ code: 'config-invalid' });
});

test.skipIf(missing !== undefined)('with another ring nothing is changed; a second job at the index is refused, one at its column is not', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(50));
  expect(await refusalOf(build(scene, await indexedRing()))).toMatchObject({ code: 'wrong-key' });
  expect(scene.scratch.sql('SELECT count(email_index) FROM customers')).toBe('0');
  const other = { database: await scene.scratch.open() };
  const refusals: unknown[] = [];
  await build(
    {
      database: intervening(scene.database, {
        beforeWrite: async () => {
          refusals.push(await refusalOf(build(other, ring)));
          await convertColumn(other.database, SOURCE, new StoredValues(rotatedRing(ring), SOURCE, []), { direction: 'rotate', dryRun: false, batch: 1000 });
        },
      }),
    },
    rotatedRing(ring),
  ).catch(() => {});
  expect(refusals).toMatchObject([{ code: 'busy' }]);
}, 30_000);

test.skipIf(missing !== undefined)('a job that is stopped goes on where it was, and one under another key starts anew', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(ROWS));
  const stop = new AbortController();
  const report = await build({ database: intervening(scene.database, { afterWrite: (n) => Promise.resolve(n === 2 ? stop.abort() : undefined) }) }, ring, { batch: 50, signal: stop.signal });
  expect(report).toMatchObject({ interrupted: true, resumed: false });
  expect(report.changed).toBeLessThan(ROWS);
  expect(await build(scene, ring)).toMatchObject({ interrupted: false, resumed: true, changed: ROWS, rows: ROWS });
  expect(await build(scene, secondKey(ring).active)).toMatchObject({ resumed: false, older: ROWS });
});

test.skipIf(missing !== undefined)('a connection that is cut between commit and answer costs a moment and no count', async () => {
  const scene = await anIndexScene();
  const ring = await indexedRing();
  await fill(scene, ring, emailsOf(ROWS));
  const cut = (): Promise<void> => {
    scene.scratch.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockfast' AND datname = current_database()");
    return Promise.resolve();
  };
  expect(await build({ database: intervening(scene.database, { beforeWrite: async (n) => (n === 1 ? await cut() : undefined), afterWrite: async (n) => (n === 3 ? await cut() : undefined) }) }, ring, { batch: 100 })).toMatchObject({ changed: ROWS, missing: ROWS, conflicts: 0 });
  expect(await survey(scene, ring)).toMatchObject({ missing: 0, stale: 0 });
}, 30_000);

test.skipIf(missing !== undefined)("[W9] the index of values whose tenant's key was destroyed is emptied, too", async () => {
  const scene = await anIndexScene();
  const source: DeclaredColumn = { ...SOURCE, tenantKey: 'own', tenant: 'org' };
  const declared: DeclaredIndex = { ...INDEX, source };
  const ring = (await indexedRing()).withTenantSecrets(['acme', 'globex']);
  const emails = column(ring, { id: SOURCE.id, context: ['org'], tenantKey: 'own', tenant: 'org' });
  for (const [id, org] of [[1, 'acme'], [2, 'globex']] as const) {
    await scene.client.query('INSERT INTO customers VALUES ($1, $2, $3, $4)', [id, 'x', org, emails.encrypt('ada@example.com', { org })]);
  }
  expect(await build(scene, ring, { declared })).toMatchObject({ changed: 2 });
  const shredded = ring.withTenantSecretDestroyed('acme');
  expect(await survey(scene, shredded, declared)).toMatchObject({ stale: 1, unreadable: {} });
  expect(await build(scene, shredded, { declared })).toMatchObject({ stale: 1, changed: 1, already: 1, unreadable: { count: 0 } });
  expect(scene.scratch.sql('SELECT id FROM customers WHERE email_index IS NULL')).toBe('1');
});
