/** The search through a whole database on a real server: what it finds, what it leaves alone, and what it can not see. */
import { randomBytes } from 'node:crypto';

import { Fernet } from '@lockfast/core/formats';
import { type FernetKey, type KeyRing, ringFernetKeys, Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { type ColumnTarget, discover, type Discovered, type Discovering, type Discovery } from '../../src/jobs/index.ts';
import { sightingsIn } from '../../src/jobs/sightings.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { missing, withServer } from './postgres/a-database.ts';
import { applicationColumn, aScene, DECLARED, type Scene } from './scene.ts';

withServer();

function sealed(ring: KeyRing): string {
  return String(applicationColumn(ring).encrypt('x'));
}

function binary(ring: KeyRing): Buffer {
  return Buffer.from(ring.cipher({ purpose: 'column' }).encryptBinary('x', { place: ['tests.secret'] }));
}

async function search({ database }: Scene, what: Partial<Discovering> = {}): Promise<Discovery> {
  return await discover(database, { declared: [], fernetKeys: [], ...what });
}

function places({ found }: Discovery): string[] {
  return found.map(({ table, column, path, format, whole, rows }) => `${[[table, column].join('.'), ...path].join('/')} ${format}${whole ? '' : ' inside'} ${rows}`).toSorted();
}

function at({ found }: Discovery, column: string): Discovered {
  return found.find((one) => one.column === column)!;
}

test.skipIf(missing !== undefined)('[B17] it finds values in every type of column, at any depth, in every schema, and names their keys', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const foreign = await heldRing();
  const bytes = randomBytes(32);
  const mine: FernetKey = { name: 'env:ENCRYPTION_KEY', key: new Secret(Buffer.from(bytes)) };
  const token = new Fernet(bytes.toString('base64url')).encrypt('x');
  const stranger = new Fernet(randomBytes(32).toString('base64url')).encrypt('x');
  const scene = await aScene();
  const { client } = scene;
  await client.query(`CREATE DOMAIN secret_text AS text; CREATE TYPE pair AS (a text, b int); CREATE SCHEMA "Old App";
    CREATE TABLE "Old App"."Users" (id int, "apiKey" secret_text, short varchar(300), padded char(300), raw bytea, doc jsonb, plain json, list text[], docs jsonb[], twin pair, n int)`);
  const doc = JSON.stringify({ slack: [{ token: sealed(ring) }, { token: sealed(old) }], note: `see ${sealed(ring)}.`, deep: { deeper: { key: token } }, [sealed(ring)]: 1 });
  await client.query('INSERT INTO "Old App"."Users" VALUES (1, $1::text, $2, $3, $4, $5::jsonb, $6, $7, ARRAY[$5::jsonb], ROW($1::text, 1), 5)', [sealed(ring), sealed(foreign), token, binary(old), doc, JSON.stringify(stranger), ['a', sealed(ring)]]);
  await client.query('INSERT INTO "Old App"."Users" (id, "apiKey", raw) VALUES (2, $1::text, $2), (3, $3, $4)', [sealed(old), Buffer.from(`password=${sealed(ring)}\n`), `url=https://x/${token}&b`, Buffer.concat([Buffer.from('head'), binary(ring)])]);
  const found = await search(scene, { fernetKeys: [mine, ...ringFernetKeys(ring)] });
  expect(places(found)).toEqual(
    [
      '"Old App"."Users".apiKey lfv1 2',
      '"Old App"."Users".apiKey fernet inside 1',
      '"Old App"."Users".short lfv1 1',
      '"Old App"."Users".padded fernet 1',
      '"Old App"."Users".raw lfv1 1',
      '"Old App"."Users".raw lfv1 inside 2',
      '"Old App"."Users".doc/slack/*/token lfv1 1',
      '"Old App"."Users".doc/note lfv1 inside 1',
      '"Old App"."Users".doc/deep/deeper/key fernet 1',
      '"Old App"."Users".doc lfv1 inside 1',
      '"Old App"."Users".plain fernet 1',
      '"Old App"."Users".list/* lfv1 1',
      '"Old App"."Users".docs/*/slack/*/token lfv1 1',
      '"Old App"."Users".docs/*/note lfv1 inside 1',
      '"Old App"."Users".docs/*/deep/deeper/key fernet 1',
      '"Old App"."Users".docs/* lfv1 inside 1',
      '"Old App"."Users".twin/a lfv1 1',
    ].toSorted(),
  );
  expect(at(found, 'apiKey').keys).toEqual({ [ring.active().id]: 1, [old.active().id]: 1 });
  expect(at(found, 'short').keys).toEqual({ [foreign.active().id]: 1 });
  expect(at(found, 'padded').keys).toEqual({ 'env:ENCRYPTION_KEY': 1 });
  expect(at(found, 'plain').keys).toEqual({ '': 1 });
  expect(found.found.find(({ path }) => path.join('/') === 'slack/*/token')).toMatchObject({ declarable: false, keys: { [ring.active().id]: 1, [old.active().id]: 1 } });
  expect([at(found, 'apiKey'), at(found, 'short'), at(found, 'list'), at(found, 'twin')].map(({ declarable }) => declarable)).toEqual([true, true, false, false]);
  expect(found).toMatchObject({ leftOut: [], sampled: false });
});

test.skipIf(missing !== undefined)('[B17] what is declared is not named; what stands beside it in the same document is', async () => {
  const ring = await heldRing();
  const scene = await aScene('jsonb');
  await scene.client.query('CREATE TABLE p (id int, secret text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p DEFAULT; CREATE TABLE child (more text) INHERITS (t)');
  await scene.client.query('INSERT INTO t VALUES (1, $1, $2, $3)', ['x', `org ${sealed(ring)}`, JSON.stringify({ a: { token: sealed(ring) }, b: sealed(ring) })]);
  await scene.client.query('INSERT INTO child VALUES (2, NULL, NULL, NULL, $1)', [sealed(ring)]);
  await scene.client.query('INSERT INTO p VALUES (1, $1), (2, $1)', [sealed(ring)]);
  await scene.client.query('CREATE MATERIALIZED VIEW copied AS SELECT secret FROM p');
  const declared: ColumnTarget[] = [
    { ...DECLARED, path: ['a', 'token'] },
    { ...DECLARED, table: 'public.p' },
    { ...DECLARED, table: 'no.such.table' },
  ];
  const found = await search(scene, { declared });
  expect(places(found)).toEqual(['child.more lfv1 1', 'copied.secret lfv1 2', 't.org lfv1 inside 1', 't.secret/b lfv1 1']);
  expect(at(found, 'secret')).toMatchObject({ copy: true, declarable: false });
  expect(places(await search(scene))).toContain('p.secret lfv1 2');
});

test.skipIf(missing !== undefined)('[B17] what this role may not read is named, foreign tables are left out, and nothing is written', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query('CREATE TABLE closed (id int, a text); CREATE TABLE half (id int, a text); CREATE TABLE free (id int, b text, c bytea[]); CREATE TABLE guarded (a text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t, guarded, free TO app; GRANT SELECT (id) ON half TO app');
  await scene.client.query('INSERT INTO free VALUES (1, $1)', [sealed(ring)]);
  scene.scratch.sql("CREATE EXTENSION postgres_fdw; CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE public.far (a text) SERVER other");
  const database = await scene.scratch.open(scene.scratch.urlOf('app'));
  const found = await discover(database, { declared: [], fernetKeys: [] });
  expect(places(found)).toEqual(['free.b lfv1 1']);
  expect(found.leftOut.map(({ name, why }) => `${name} ${why}`).toSorted()).toEqual(['closed not-permitted', 'far foreign-table', 'free.c type', 'guarded row-security', 'half not-permitted']);
});

test.skipIf(missing !== undefined)('[B17] a large table is looked at in parts, long values in several answers, and a sample is spread over it', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  const { client } = scene;
  // 3000 pages and more, every thousandth row with a value; then rows whose documents are long.
  await client.query("INSERT INTO t SELECT i, 'row', repeat('x', 900), CASE WHEN i % 1000 = 0 THEN $1 END FROM generate_series(1, 30000) i", [sealed(ring)]);
  await client.query("CREATE TABLE long (id int, doc text); ALTER TABLE long ALTER doc SET STORAGE EXTERNAL");
  await client.query("INSERT INTO long SELECT i, repeat('x', 3000000) || ' ' || $1 FROM generate_series(1, 7) i", [sealed(ring)]);
  await client.query('ANALYZE');
  const told: number[] = [];
  const whole = await search(scene, { onProgress: (bytes) => told.push(bytes) });
  expect(places(whole)).toEqual(['long.doc lfv1 inside 7', 't.secret lfv1 30']);
  expect(told.length).toBeGreaterThan(4);
  expect(told).toEqual(told.toSorted((a, b) => a - b));
  const sampled = await search(scene, { sample: 6000 });
  expect(sampled.sampled).toBe(true);
  const rows = at(sampled, 'secret').rows;
  expect(rows).toBeGreaterThan(1);
  expect(rows).toBeLessThan(20);
});

test('[B17] a beginning alone, or a cut value, is no find', async () => {
  const ring = await heldRing();
  const value = sealed(ring);
  for (const text of ['lfv1.', value.slice(0, 60), `lfv1.${'a'.repeat(300)}`, 'gAAAAA', `gAAAAA${'b'.repeat(40)}`, '']) expect(sightingsIn(text, 'text'), text).toEqual([]);
  expect(sightingsIn(`{"a": "${value}`, 'json')).toMatchObject([{ whole: false }]);
  expect(sightingsIn(binary(ring).subarray(0, 60), 'binary')).toEqual([]);
  expect(sightingsIn(`${value}${value}`, 'text').length).toBeGreaterThan(0);
});
