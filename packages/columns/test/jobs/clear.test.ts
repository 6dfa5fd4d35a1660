/** Emptying what nothing opens: only that, only after it is durable elsewhere, and only while it is still the same. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import { type Clearing, type ClearReport, clearUnrecoverable, type DeclaredColumn, StoredValues } from '../../src/jobs/index.ts';
import { intervening } from './intervening.ts';
import { missing, refusalOf, withServer } from './postgres/a-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { applicationColumn, aScene, DECLARED, fill, Recorded, type Scene } from './scene.ts';

withServer();

const BOUND: DeclaredColumn = { ...DECLARED, context: ['org'] };

function scratch(): { readonly keepAside: string; readonly stateDirectory: string } {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-clear-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return { keepAside: join(directory, 'kept.jsonl'), stateDirectory: join(directory, 'state') };
}

async function clear(scene: Pick<Scene, 'database'>, ring: KeyRing, what: Pick<Clearing, 'keepAside' | 'stateDirectory'> & Partial<Clearing>, declared = BOUND): Promise<ClearReport> {
  return await clearUnrecoverable(scene.database, declared, [{ declared, values: new StoredValues(ring, declared, []) }], { dryRun: false, ...what });
}

/** Good, plain, null, another row's, corrupt, of an unknown key. */
async function damaged(ring: KeyRing): Promise<{ readonly scene: Scene; readonly values: (string | null)[] }> {
  const scene = await aScene();
  const secret = applicationColumn(ring, BOUND);
  const values = [
    String(secret.encrypt('good', { org: 'org 1' })),
    'plain',
    null,
    String(secret.encrypt('of row 1', { org: 'org 1' })),
    String(secret.encrypt('cut', { org: 'org 5' })).slice(0, 60),
    String(applicationColumn(await heldRing(), BOUND).encrypt('x', { org: 'org 6' })),
  ];
  await fill(scene, values, (id) => `org ${id}`);
  return { scene, values };
}

test.skipIf(missing !== undefined)('[W5] only what nothing opens is emptied, and its ciphertext is in a file of mode 0600 before', async () => {
  const ring = await heldRing();
  const { scene, values } = await damaged(ring);
  const at = scratch();
  const audit = new Recorded();
  const labels: (string | null)[] = [];
  const report = await clear(
    {
      database: intervening(scene.database, {
        beforeWrite: () => {
          expect(readFileSync(at.keepAside, 'utf8').split('\n')).toHaveLength(3);
          return Promise.resolve();
        },
      }),
    },
    ring,
    { ...at, audit, onRow: ({ label }) => labels.push(label) },
  );
  expect(report).toMatchObject({ rows: 6, unrecoverable: 2, cleared: 2, conflicts: 0, recoverable: 1, unsure: 0, keptAside: at.keepAside, interrupted: false });
  expect(await scene.secrets()).toEqual([...values.slice(0, 4), null, null]);
  expect(labels).toEqual(['row 5', 'row 6']);
  expect(statSync(at.keepAside).mode & 0o777).toBe(0o600);
  const lines = readFileSync(at.keepAside, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as unknown);
  expect(lines).toMatchObject([
    { column: 'tests.secret', table: 't', in: 'secret', key: ['5'], code: 'malformed', value: values[4] },
    { key: ['6'], context: ['org 6'], code: 'missing-key', value: values[5] },
  ]);
  expect(audit.intents).toMatchObject([{ operation: 'column-clear', object: 'tests.secret' }]);
  expect(audit.outcomes).toMatchObject([{ outcome: 'success', details: { cleared: 2 } }]);
});

test.skipIf(missing !== undefined)('a dry run counts and writes nothing; where nothing is to be cleared there is no file', async () => {
  const ring = await heldRing();
  const { scene, values } = await damaged(ring);
  const at = scratch();
  const labels: (string | null)[] = [];
  expect(await clear(scene, ring, { ...at, dryRun: true, onRow: ({ label }) => labels.push(label) })).toMatchObject({ unrecoverable: 2, cleared: 0, keptAside: undefined });
  expect(labels).toEqual(['row 5', 'row 6']);
  expect(await scene.secrets()).toEqual(values);
  await clear(scene, ring, at);
  const other = scratch();
  expect(await clear(scene, ring, other)).toMatchObject({ unrecoverable: 0, keptAside: undefined });
  expect([existsSync(other.keepAside), existsSync(at.keepAside)]).toEqual([false, true]);
});

test.skipIf(missing !== undefined)('a column that takes no NULL refuses, and every row is as it was', async () => {
  const ring = await heldRing();
  const { scene } = await damaged(ring);
  await scene.client.query("DELETE FROM t WHERE secret IS NULL; ALTER TABLE t ALTER COLUMN secret SET NOT NULL");
  const before = await scene.secrets();
  expect((await refusalOf(clear(scene, ring, scratch()))).code).toBe('database-refused');
  expect(await scene.secrets()).toEqual(before);
});

test.skipIf(missing !== undefined)('a value that an application wrote meanwhile is not emptied; an existing file is not overwritten', async () => {
  const ring = await heldRing();
  const { scene } = await damaged(ring);
  const at = scratch();
  const database = intervening(scene.database, { beforeWrite: async () => void (await scene.client.query("UPDATE t SET secret = 'new' WHERE id = 5")) });
  expect(await clear({ database }, ring, at)).toMatchObject({ unrecoverable: 2, cleared: 1, conflicts: 1 });
  expect((await scene.secrets())[4]).toBe('new');
  await scene.client.query("UPDATE t SET secret = 'lfv1.' WHERE id = 5");
  expect((await refusalOf(clear(scene, ring, at))).code).toBe('exists');
  expect((await scene.secrets())[4]).toBe('lfv1.');
});

test.skipIf(missing !== undefined)('where the answer to a batch is lost, its rows still count as emptied', async () => {
  const ring = await heldRing();
  const { scene } = await damaged(ring);
  const real = intervening(scene.database, {
    afterWrite: (n) => (n === 1 ? Promise.reject(new Error('the answer is lost')) : Promise.resolve()),
  });
  const report = await clear({ database: { ...real, remedyOf: () => 'reconnect' } }, ring, scratch());
  expect(report).toMatchObject({ cleared: 2, conflicts: 0 });
});

test.skipIf(missing !== undefined)("another ring's data is not cleared, nor what a retired key still could open", async () => {
  const ring = await heldRing();
  const scene = await aScene();
  const stored = String(applicationColumn(ring).encrypt('x'));
  await fill(scene, [stored]);
  expect((await refusalOf(clear(scene, await heldRing(), scratch(), DECLARED))).code).toBe('wrong-key');
  const next = rotatedRing(ring);
  await scene.client.query('INSERT INTO t VALUES (2, $1, $1, $2)', ['row 2', applicationColumn(next).encrypt('y')]);
  const retired = next.withRetired(ring.active().id);
  expect(await clear(scene, retired, scratch(), DECLARED)).toMatchObject({ recoverable: 1, cleared: 0 });
  expect(await clear(scene, retired.withDestroyed(ring.active().id), scratch(), DECLARED)).toMatchObject({ recoverable: 0, cleared: 1 });
});

test.skipIf(missing !== undefined)('asked to stop while it looks, it has changed nothing and leaves no file', async () => {
  const ring = await heldRing();
  const { scene, values } = await damaged(ring);
  const at = scratch();
  expect(await clear(scene, ring, { ...at, signal: AbortSignal.abort() })).toMatchObject({ cleared: 0, interrupted: true });
  expect(await scene.secrets()).toEqual(values);
  expect(existsSync(at.keepAside)).toBe(false);
});
