/** Fences on a real server: what they let in, what they refuse, and that they never stop an application that does as it should. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Fernet } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';

import { type DeclaredColumn, type FenceReport, fencesOf, type Fencing, raiseFence, refuseFenced, removeFence } from '../../src/jobs/index.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { refusalOf } from '../refusal.ts';
import { expectRefusal, missing, withServer } from './postgres/a-database.ts';
import { applicationColumn, aScene, DECLARED, fill, Recorded, run, type Scene } from './scene.ts';

withServer();

async function fence({ database }: Scene, ring: KeyRing, { declared = DECLARED, ...what }: Partial<Fencing> & { readonly declared?: DeclaredColumn } = {}): Promise<FenceReport> {
  return await raiseFence(database, declared, ring, { despiteRows: false, dryRun: false, ...what });
}

function sealed(ring: KeyRing, declared: DeclaredColumn = DECLARED): string {
  return String(applicationColumn(ring, declared).encrypt('x'));
}

/** Whether each was let in. */
async function attempts({ client }: Scene, values: readonly (string | Uint8Array | null)[]): Promise<boolean[]> {
  const let_in: boolean[] = [];
  for (const value of values) {
    let_in.push(
      await client.query('UPDATE t SET secret = $1 WHERE id = 1', [value instanceof Uint8Array ? Buffer.from(value) : value]).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: '23514', constraint: expect.stringMatching(/^lockfast_tests_secret_[0-9a-f]{12}_[0-9a-f]{8}$/) });
          return false;
        },
      ),
    );
  }
  return let_in;
}

const FERNET = new Fernet(randomBytes(32).toString('base64url'));

test.skipIf(missing !== undefined)('[B16] the database refuses plaintext, what is cut, and finished keys; the active key, staged ones, later ones and NULL pass', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old).withNewKey();
  const later = rotatedRing(ring);
  const scene = await aScene();
  await fill(scene, [sealed(ring)]);
  const report = await fence(scene, ring);
  expect(report).toMatchObject({ done: 'raised', proven: true, rule: { formats: ['lfv1'], refusedKeys: [old.active().id] }, violations: { rows: 0 } });
  const staged = ring.withActive(ring.keys.at(-1)!.id);
  const value = sealed(ring);
  expect(await attempts(scene, [value, sealed(staged), sealed(later), sealed(await heldRing()), null])).toEqual([true, true, true, true, true]);
  const refused = ['plain', '', sealed(old), value.slice(0, 60), `${value} `, ` ${value}`, `${value}\n`, `x${value}`, value.toUpperCase(), FERNET.encrypt('x'), `lfv1.${'a'.repeat(200)}`, `lfv1.kq2d5x.${'ä'.repeat(120)}`];
  expect(await attempts(scene, refused)).toEqual(refused.map(() => false));
  // Each of the same: nothing is done twice.
  expect(await fence(scene, ring)).toMatchObject({ done: 'kept', proven: true, name: report.name, statements: [] });
});

test.skipIf(missing !== undefined).each([
  ['bytea', 'x'],
  ['citext', 'x'],
  ['varchar(400)', 'x'],
])('[B16] a fence on %s', async (type, plain) => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const scene = await aScene(type === 'citext' ? 'text' : type);
  if (type === 'citext') {
    scene.scratch.sql('CREATE EXTENSION citext');
    await scene.client.query('ALTER TABLE t ALTER secret TYPE citext');
  }
  const binary = type === 'bytea';
  const stored = (of: KeyRing): string | Uint8Array => (binary ? of.cipher({ purpose: 'column' }).encryptBinary('x', { place: ['tests.secret'] }) : sealed(of));
  await fill(scene, [stored(ring)]);
  expect(await fence(scene, ring)).toMatchObject({ proven: true });
  const text = (value: string): string | Uint8Array => (binary ? Buffer.from(value) : value);
  const value = stored(ring);
  expect(await attempts(scene, [value, null, stored(old), text(plain), value.slice(0, 80), text(FERNET.encrypt('x'))])).toEqual([true, true, false, false, false, false]);
  expect(await fence(scene, ring, { also: 'fernet' })).toMatchObject({ done: 'replaced', proven: true });
  expect(await attempts(scene, [text(FERNET.encrypt('x')), text(plain), stored(old)])).toEqual([true, false, false]);
});

test.skipIf(missing !== undefined).each(['json', 'jsonb'])('[B16] a fence on a member of %s looks at that member alone', async (type) => {
  const ring = await heldRing();
  const scene = await aScene(type);
  const declared: DeclaredColumn = { ...DECLARED, path: ['slack', 'token'] };
  const document = (token: unknown): string => JSON.stringify({ slack: { token }, other: 'plain' });
  await fill(scene, [document(sealed(ring)), '{}', document(null), '{"slack": 5}']);
  expect(await fence(scene, ring, { declared })).toMatchObject({ proven: true });
  expect(await attempts(scene, [document(sealed(ring)), '{}', 'null', document(null), null, document('plain'), document(5), document({ a: 1 }), document([sealed(ring)])])).toEqual([true, true, true, true, true, false, false, false, false]);
});

test.skipIf(missing !== undefined)('[B16] over rows that do not pass it is refused: an update of another column of such a row would fail', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const scene = await aScene();
  await fill(scene, [sealed(ring), 'plain', sealed(old), 'lfv1.cut', FERNET.encrypt('x')]);
  const audit = new Recorded();
  const refused = await fence(scene, ring, { audit });
  expect(refused).toMatchObject({ done: 'refused', proven: false, violations: { rows: 4 } });
  expect(refused.violations.counts).toEqual(
    expect.arrayContaining([
      { violation: { kind: 'plaintext' }, rows: 1 },
      { violation: { kind: 'key', key: old.active().id }, rows: 1 },
      { violation: { kind: 'malformed' }, rows: 1 },
      { violation: { kind: 'format' }, rows: 1 },
    ]),
  );
  expect(refused.violations.first.map(({ key, label, violation }) => [key, label, violation.kind])).toEqual([
    [['2'], 'row 2', 'plaintext'],
    [['3'], 'row 3', 'key'],
    [['4'], 'row 4', 'malformed'],
    [['5'], 'row 5', 'format'],
  ]);
  expect(audit.outcomes).toMatchObject([{ outcome: 'failure', details: { done: 'refused', proven: false, violating: 4 } }]);
  expect(await fencesOf(scene.database, DECLARED, ring)).toEqual([]);
  await scene.client.query("UPDATE t SET name = 'changed' WHERE id = 2");

  // On purpose: new writes are met at once, and the rows that are there can only be converted.
  expect(await fence(scene, ring, { despiteRows: true })).toMatchObject({ done: 'raised', proven: false, violations: { rows: 4 } });
  expect(await attempts(scene, ['plain'])).toEqual([false]);
  await expect(scene.client.query("UPDATE t SET name = 'again' WHERE id = 2")).rejects.toMatchObject({ code: '23514' });
  await scene.client.query('DELETE FROM t WHERE id >= 4');
  await run(scene, ring, 'encrypt');
  await run(scene, ring, 'rotate');
  expect(await fencesOf(scene.database, DECLARED, ring)).toMatchObject([{ proven: false, state: 'current' }]);
  const proven = new Recorded();
  const done = await fence(scene, ring, { audit: proven });
  expect(done).toMatchObject({ done: 'kept', proven: true, violations: { rows: 0 } });
  expect(proven.intents).toMatchObject([{ operation: 'column-fence', object: 'tests.secret', details: { constraint: done.name, formats: 'lfv1', refused: old.active().id } }]);
  expect(proven.outcomes).toMatchObject([{ outcome: 'success', details: { proven: true, violating: 0 } }]);
});

test.skipIf(missing !== undefined)('[B16] after a rotation the fence is outdated; the new one takes its place with no moment in between; a write goes on all the while', async () => {
  const first = await heldRing();
  const scene = await aScene();
  await fill(scene, Array.from({ length: 400 }, () => sealed(first)));
  const { name } = await fence(scene, first);
  const ring = rotatedRing(first);
  expect(await fencesOf(scene.database, DECLARED, ring)).toMatchObject([{ name, proven: true, state: 'outdated' }]);
  // An application with the new ring, which writes without a pause; and whether a plaintext write ever got in.
  const application = new Client({ connectionString: scene.scratch.url });
  const careless = new Client({ connectionString: scene.scratch.url });
  await Promise.all([application.connect(), careless.connect()]);
  onTestFinished(async () => void (await Promise.all([application.end(), careless.end()])));
  const told = { toStop: false };
  let written = 0;
  const writing = (async () => {
    for (; !told.toStop; written++) await application.query('UPDATE t SET secret = $1, org = $2 WHERE id = $3', [sealed(ring), 'changed', 1 + (written % 400)]);
  })();
  let passed = 0;
  const trying = (async () => {
    while (!told.toStop) {
      await careless.query("UPDATE t SET secret = 'plain' WHERE id = 7").then(
        () => passed++,
        () => {},
      );
    }
  })();
  await run(scene, ring, 'rotate');
  const report = await fence(scene, ring);
  await sleep(100);
  told.toStop = true;
  await Promise.all([writing, trying]);
  expect(report).toMatchObject({ done: 'replaced', proven: true, rule: { refusedKeys: [first.active().id] } });
  expect(written).toBeGreaterThan(10);
  expect(passed).toBe(0);
  expect(await fencesOf(scene.database, DECLARED, ring)).toMatchObject([{ name: report.name, proven: true, state: 'current' }]);
  expect(await attempts(scene, [sealed(first)])).toEqual([false]);
  expect(await removeFence(scene.database, DECLARED, { dryRun: true })).toEqual([`ALTER TABLE "public"."t" DROP CONSTRAINT "${report.name}"`]);
  expect(await removeFence(scene.database, DECLARED, { dryRun: false })).toHaveLength(1);
  expect(await attempts(scene, ['plain'])).toEqual([true]);
});

test.skipIf(missing !== undefined)('[B16] a job that meets a fence says so, and decrypting asks for it first', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await fill(scene, [sealed(ring)]);
  await fence(scene, ring);
  const standing = await fencesOf(scene.database, DECLARED, ring);
  expect(refusalOf(() => refuseFenced(DECLARED, standing))).toMatchObject({ code: 'conflict', message: `tests.secret has a fence, ${standing[0]!.name}, which refuses plaintext`, hint: expect.stringContaining('column fence tests.secret --remove') as unknown });
  await expectRefusal(run(scene, ring, 'decrypt'), 'database-refused', /the fence of the column does not let the value in \(table t, constraint lockfast_tests_secret_\w+\)/, /column fence/);
  const restored = rotatedRing(await heldRing());
  // Another ring was restored, in which a key that the fence refuses is the active one.
  const outdated = { keys: restored.keys.map((key, i) => ({ ...key, id: i === 0 ? ring.active().id : key.id })) };
  await raiseFence(scene.database, DECLARED, outdated, { despiteRows: true, dryRun: false });
  expect(await fencesOf(scene.database, DECLARED, ring)).toMatchObject([{ state: 'in-the-way' }]);
});

test.skipIf(missing !== undefined)('[B16] a fence over partitions, over a parent alone, and over a table that others hold', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query('CREATE TABLE p (id int, part int, secret text, PRIMARY KEY (id, part)) PARTITION BY LIST (part); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p DEFAULT');
  const parted: DeclaredColumn = { ...DECLARED, id: 'tests.parted', table: 'p' };
  const { label: _, ...unlabelled } = parted;
  expect(await fence(scene, ring, { declared: unlabelled })).toMatchObject({ proven: true });
  await expect(scene.client.query("INSERT INTO p VALUES (1, 1, 'plain')")).rejects.toMatchObject({ code: '23514' });
  await expect(scene.client.query("INSERT INTO p2 VALUES (1, 2, 'plain')")).rejects.toMatchObject({ code: '23514' });
  await scene.client.query('CREATE TABLE child () INHERITS (t)');
  const only: DeclaredColumn = { ...DECLARED, table: 'ONLY t' };
  expect(await fence(scene, ring, { declared: only })).toMatchObject({ proven: true });
  await scene.client.query("INSERT INTO child VALUES (1, 'a', 'b', 'plain')");

  await removeFence(scene.database, only, { dryRun: false });
  const holder = new Client({ connectionString: scene.scratch.url });
  await holder.connect();
  onTestFinished(async () => await holder.end());
  await holder.query('BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE');
  const waiting = fence(scene, ring, { declared: only });
  await sleep(1500);
  // It waits in short spells: others get through in between.
  await scene.client.query("UPDATE ONLY t SET name = 'x'");
  await holder.query('COMMIT');
  expect(await waiting).toMatchObject({ proven: true });
});

test.skipIf(missing !== undefined)('a role that does not own the table is told what it takes', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query('GRANT SELECT, UPDATE ON t TO app');
  const database = await scene.scratch.open(scene.scratch.urlOf('app'));
  await expectRefusal(raiseFence(database, DECLARED, ring, { despiteRows: false, dryRun: false }), 'database-refused', /only the owner of public\.t/, /--dry-run/);
  const dry = await raiseFence(database, DECLARED, ring, { despiteRows: false, dryRun: true });
  expect(dry.statements).toHaveLength(2);
  for (const statement of dry.statements) await scene.client.query(statement);
  expect(await raiseFence(database, DECLARED, ring, { despiteRows: false, dryRun: false })).toMatchObject({ done: 'kept', proven: true });
});
