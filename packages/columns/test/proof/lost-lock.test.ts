/** On PostgreSQL, two jobs at one column where the first is gone: killed while the server works for it, or without its connection. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';

import { missing, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing, heldSource, rotatedRing } from '../held-ring.ts';
import { startedJob } from './job-programs.ts';
import { aTable, asRead, convert, expectWhole, PROVEN, refused } from './proof-scene.ts';

withServer();

const ROWS = 400;

test.skipIf(missing !== undefined)('[W5] a job that is killed (-9) in the middle of a batch: the second starts at once and goes on where it stopped', async () => {
  const scratch = aTable(ROWS);
  const root = randomBytes(32);
  const ring = await KeyRing.create('production', [heldSource(root)]);
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-second-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'ring.json');
  writeFileSync(file, ring.print());
  // From the third batch on, each takes the server five seconds: the job is killed while it waits.
  scratch.sql("CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 51 AND current_setting('application_name') = 'lockfast' AND EXISTS (SELECT FROM slowly) THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$; CREATE TABLE slowly (); INSERT INTO slowly DEFAULT VALUES; GRANT SELECT ON slowly TO owner; CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()");
  const job = startedJob('job-program.ts', { url: scratch.url, ring: file, root: root.toString('base64'), declared: PROVEN, direction: 'encrypt', batch: 20 });
  await expect.poll(() => scratch.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"), { timeout: 20_000 }).toBe('1');
  job.kill('SIGKILL');
  scratch.sql('TRUNCATE slowly');
  const started = performance.now();
  const report = await convert(scratch, ring, 'encrypt');
  expect(report).toMatchObject({ resumed: true, rows: ROWS, changed: ROWS, conflicts: 0, remaining: 0 });
  expect(performance.now() - started).toBeLessThan(10_000);
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[W5] a job that loses its lock with its connection, while another job takes it, stops before it writes again', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const second = rotatedRing(ring);
  // He waits in line for the lock, and so is faster than whoever must connect first.
  const thief = new Client({ connectionString: scratch.url });
  await thief.connect();
  onTestFinished(async () => await thief.end());
  let theft: Promise<unknown> | undefined;
  const first = convert(scratch, ring, 'encrypt', {
    maxRate: 200,
    onProgress: ({ changed }) => {
      if (changed < 100 || theft !== undefined) return;
      const lock = scratch.sql("SELECT (classid::int8 << 32 >> 32) || ', ' || (objid::int8 << 32 >> 32) FROM pg_locks WHERE locktype = 'advisory'");
      const [high, low] = lock.split(', ').map((half) => Number(half) | 0);
      theft = thief.query('SELECT pg_advisory_lock($1, $2)', [high, low]);
      theft.catch(() => {});
      setTimeout(() => scratch.cutJobs(), 200);
    },
  });
  const { code, hint } = await refused(first);
  await theft;
  expect(code).toBe('busy');
  expect(hint).toMatch(/run it again/);
  const done = Number(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE 'lfv1.%'"));
  expect(done).toBeGreaterThanOrEqual(100);
  expect(done).toBeLessThan(ROWS);
  await thief.query('SELECT pg_advisory_unlock_all()');
  expect(await convert(scratch, second, 'encrypt')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  expect(asRead(scratch, second).size).toBe(ROWS);
}, 120_000);
