/** What others do while a job runs: writes, locks, cut connections, a second job. Nothing of theirs is lost, and the job ends. */
import type { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';

import { convertColumn, type ConversionReport, StoredValues } from '../../src/jobs/index.ts';
import { intervening, type Moments } from './intervening.ts';
import { missing, refusalOf, withServer } from './postgres/a-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { applicationColumn, aScene, DECLARED, run, type Scene } from './scene.ts';

withServer();

const ROWS = 400;

/** With rows in plaintext. */
async function filled(): Promise<Scene> {
  const scene = await aScene();
  await scene.client.query(`INSERT INTO t SELECT n, 'row ' || n, 'acme', 'secret ' || n FROM generate_series(1, ${ROWS}) n`);
  return scene;
}

async function encryptWhile(scene: Scene, ring: KeyRing, moments: Moments): Promise<ConversionReport> {
  return await convertColumn(intervening(scene.database, moments), DECLARED, new StoredValues(ring, DECLARED, []), { direction: 'encrypt', dryRun: false, batch: 100 });
}

async function plaintexts(scene: Scene, ring: KeyRing): Promise<(string | null)[]> {
  return applicationColumn(ring).decryptBatch(await scene.secrets());
}

function expected(over: Readonly<Record<number, string | null>> = {}): (string | null)[] {
  return Array.from({ length: ROWS }, (_, index) => (index + 1 in over ? over[index + 1]! : `secret ${index + 1}`));
}

async function cutJobs(scene: Scene): Promise<void> {
  scene.scratch.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockfast' AND datname = current_database()");
}

test.skipIf(missing !== undefined)('[D3] what an application writes between read and write stays, is counted as a conflict, and is met in the next pass', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const report = await encryptWhile(scene, ring, {
    beforeWrite: async (n) => {
      if (n !== 2) return;
      await scene.client.query("UPDATE t SET secret = 'changed' WHERE id = 150");
      await scene.client.query('UPDATE t SET secret = NULL WHERE id = 151');
      await scene.client.query('DELETE FROM t WHERE id = 153');
      await scene.client.query("INSERT INTO t VALUES (-1, 'behind', 'acme', 'inserted behind')");
      await scene.client.query('UPDATE t SET secret = $1 WHERE id = 152', [applicationColumn(ring).encrypt('by the application')]);
    },
  });
  expect(report).toMatchObject({ conflicts: 4, remaining: 0, passes: 3 });
  expect(await plaintexts(scene, ring)).toEqual(['inserted behind', ...expected({ 150: 'changed', 151: null, 152: 'by the application' }).toSpliced(152, 1)]);
});

test.skipIf(missing !== undefined)('[B4] a row whose context changes meanwhile is not given a value that is bound to the context before', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const declared = { ...DECLARED, context: ['org'] };
  const report = await convertColumn(
    intervening(scene.database, { beforeWrite: async (n) => void (n === 1 && (await scene.client.query("UPDATE t SET org = 'other' WHERE id = 7"))) }),
    declared,
    new StoredValues(ring, declared, []),
    { direction: 'encrypt', dryRun: false, batch: 100 },
  );
  expect(report).toMatchObject({ conflicts: 1, changed: ROWS, remaining: 0 });
  const [row] = (await scene.client.query<{ secret: string }>('SELECT secret FROM t WHERE id = 7')).rows;
  expect(applicationColumn(ring, declared).decrypt(row!.secret, { org: 'other' })).toBe('secret 7');
});

test.skipIf(missing !== undefined)('an application that never stops writing plaintext is found: after ten passes the job says how much still comes', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const report = await encryptWhile(scene, ring, { afterWrite: async (n) => void (await scene.client.query("UPDATE t SET secret = 'again ' || $1 WHERE id = 1", [n])) });
  expect(report).toMatchObject({ passes: 10, remaining: 1 });
});

test.skipIf(missing !== undefined)('a connection that is cut before a batch, or between its commit and the answer, costs a moment and no count', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const report = await encryptWhile(scene, ring, {
    beforeWrite: async (n) => void (n === 1 && (await cutJobs(scene))),
    afterWrite: async (n) => {
      if (n !== 3) return;
      await cutJobs(scene);
      // The transaction is done, and its answer never came.
      throw await cut(scene);
    },
  });
  expect(report).toMatchObject({ rows: ROWS, changed: ROWS, conflicts: 0, remaining: 0 });
  expect(await plaintexts(scene, ring)).toEqual(expected());
});

/** What the database throws when its connection is cut in the middle of a question. */
async function cut(scene: Scene): Promise<unknown> {
  const other = await scene.scratch.open();
  const table = await other.table(DECLARED);
  await scene.client.query('BEGIN; LOCK TABLE t');
  const reading = table.read(null, 1);
  reading.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  await cutJobs(scene);
  await scene.client.query('COMMIT');
  return await reading.then(
    () => new Error('it was not cut'),
    (error: unknown) => error,
  );
}

test.skipIf(missing !== undefined)('rows that somebody keeps locked halve the batch; when he lets go, the job ends with every row', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const holder = new Client({ connectionString: scene.scratch.url });
  await holder.connect();
  onTestFinished(async () => await holder.end());
  await holder.query('BEGIN; UPDATE t SET name = name WHERE id = 90');
  const sizes: number[] = [];
  setTimeout(() => void holder.query('COMMIT'), 4000);
  const report = await encryptWhile(scene, ring, { sizes });
  expect(report).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
  expect(sizes.slice(0, 2)).toEqual([100, 50]);
  expect(await plaintexts(scene, ring)).toEqual(expected());
});

test.skipIf(missing !== undefined)('a deadlock with an application is survived by both', async () => {
  const scene = await filled();
  const ring = await heldRing();
  scene.scratch.sql("ALTER ROLE owner SET deadlock_timeout = '50ms'");
  const other = new Client({ connectionString: scene.scratch.urlOf('postgres') });
  await other.connect();
  onTestFinished(async () => await other.end());
  await other.query("SET deadlock_timeout = '10s'; BEGIN; UPDATE t SET name = 'his' WHERE id = 80");
  const his = new Promise((resolve) => setTimeout(resolve, 300)).then(async () => {
    await other.query("UPDATE t SET name = 'his' WHERE id = 10");
    await other.query('COMMIT');
  });
  const report = await encryptWhile(scene, ring, {});
  await his;
  expect(report).toMatchObject({ changed: ROWS, remaining: 0 });
  expect(await plaintexts(scene, ring)).toEqual(expected());
});

test.skipIf(missing !== undefined)('a second job at the same column is refused while the first one runs', async () => {
  const scene = await filled();
  const ring = await heldRing();
  let second: unknown;
  await encryptWhile(scene, ring, {
    beforeWrite: async (n) => {
      if (n === 1) second = (await refusalOf(run({ ...scene, database: await scene.scratch.open() }, rotatedRing(ring), 'rotate'))).code;
    },
  });
  expect(second).toBe('busy');
});

test.skipIf(missing !== undefined)('a database that stays away ends the job with its own error, and what was committed stands', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const refusing = await refusalOf(
    encryptWhile(scene, ring, {
      beforeWrite: async (n) => {
        if (n < 2) return;
        await cutJobs(scene);
        throw await cut(scene);
      },
    }),
  );
  expect(refusing.code).toBe('database-unavailable');
  const stored = (await scene.secrets()) as string[];
  expect(stored.filter((value) => value.startsWith('lfv1.'))).toHaveLength(100);
  expect(await run({ ...scene, database: await scene.scratch.open() }, ring, 'encrypt')).toMatchObject({ resumed: true, changed: ROWS, rows: ROWS });
}, 60_000);

test.skipIf(missing !== undefined)('a replica that lags makes the job pause until it has caught up', async () => {
  const scene = await filled();
  const ring = await heldRing();
  const pressed = { ...intervening(scene.database, {}), pressure: ((looks) => () => Promise.resolve({ replicationLagMs: looks++ < 2 ? 5000 : 0, lockWaiters: 0 }))(0) };
  const waited: string[] = [];
  const { ms } = await convertColumn(pressed, DECLARED, new StoredValues(ring, DECLARED, []), {
    direction: 'encrypt',
    dryRun: false,
    batch: 100,
    onProgress: ({ waitingFor }) => void (waitingFor !== undefined && waited.push(waitingFor)),
  });
  expect(waited).toContain('replication-lag');
  expect(ms).toBeGreaterThan(900);
});
