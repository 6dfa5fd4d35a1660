/** Locks, deadlocks, timeouts and isolation levels of others: a job waits for a bounded time, and says for whom; and two jobs at one column where the first is gone. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { beforeAll, expect, onTestFinished, test } from 'vitest';

import { openColumns } from '../databases/open-columns.ts';
import { missing, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing, heldSource, rotatedRing } from '../held-ring.ts';
import { applicationColumn } from '../jobs/scene.ts';
import { deep } from './depth.ts';
import { startedJob } from './job-programs.ts';
import { aTable, asRead, convert, convertIn, expectWhole, orgOf, PROVEN, refused } from './proof-scene.ts';

withServer();

const ROWS = 100;
const MANY = 400;

/** Waits ten seconds for its lock, while the other tests run. */
let robbed: Awaited<ReturnType<typeof aRobbedJob>>;

beforeAll(async () => {
  if (missing === undefined) robbed = await aRobbedJob();
}, 60_000);

async function aRobbedJob() {
  const scratch = aTable(MANY);
  const ring = await heldRing();
  // He waits in line for the lock, and so is faster than whoever must connect first.
  const thief = new Client({ connectionString: scratch.url });
  await thief.connect();
  let theft: Promise<unknown> | undefined;
  const database = await openColumns(scratch.url);
  const first = convertIn(database, ring, 'encrypt', {
    maxRate: 200,
    onProgress: ({ changed }) => {
      if (changed < 100 || theft !== undefined) return;
      const lock = scratch.sql("SELECT (classid::int8 << 32 >> 32) || ', ' || (objid::int8 << 32 >> 32) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
      const [high, low] = lock.split(', ').map((half) => Number(half) | 0);
      theft = thief.query('SELECT pg_advisory_lock($1, $2)', [high, low]);
      theft.catch(() => {});
      setTimeout(() => scratch.cutJobs(), 200);
    },
  });
  const refusal = refused(first);
  refusal.catch(() => {});
  return { scratch, database, ring, thief, theft: async () => await theft, refused: refusal };
}

async function session(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'migration' });
  await client.connect();
  onTestFinished(async () => await client.end());
  return client;
}

test.skipIf(missing !== undefined)('[W5] an application that updates the same rows in the opposite order: deadlocks cost both sides time alone', async () => {
  const rounds = deep ? 600 : 40;
  const scratch = aTable(ROWS);
  scratch.sql("ALTER DATABASE " + scratch.sql('SELECT current_database()') + " SET deadlock_timeout = '20ms'");
  const first = await heldRing();
  const second = rotatedRing(first);
  await convert(scratch, first, 'encrypt');
  const app = await session(scratch.url);
  const values = applicationColumn(second, PROVEN);
  const over: Record<number, string> = {};
  const stop = new AbortController();
  let [deadlocks, done] = [0, 0];
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const mine: Record<number, string> = {};
      try {
        await app.query('BEGIN');
        for (let id = ROWS - (n % 7); id > 0; id -= 9) {
          const value = `round ${n} of row ${id}`;
          mine[id] = value;
          await app.query('UPDATE t SET secret = $2 WHERE id = $1', [id, values.encrypt(value, { org: orgOf(id) })]);
        }
        await app.query('COMMIT');
        Object.assign(over, mine);
        done++;
      } catch (error) {
        if ((error as { readonly code?: string }).code !== '40P01') throw error;
        deadlocks++;
        await app.query('ROLLBACK');
      }
    }
  })();
  writing.catch(() => {});
  let ring = second;
  let conflicts = 0;
  for (let n = 0; n < rounds / 20; n++) {
    // Each round has work: the rows go back and forth between two keys, of which the application uses one.
    ({ conflicts } = await convert(scratch, ring, 'rotate', { batch: 50 }));
    ring = rotatedRing(ring);
  }
  stop.abort();
  await writing;
  const report = await convert(scratch, ring, 'rotate');
  expect(report).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  expectWhole(scratch, ring, ROWS, over);
  process.stdout.write(`opposite order: ${done} transactions of the application, ${deadlocks} of them ended by the server, ${conflicts} conflicts in the last job\n`);
}, deep ? 300_000 : 60_000);

test.skipIf(missing !== undefined)('[W5] a row lock that is held for long: the other rows are done, the time is bounded, the holder is named, and the same call goes on', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const app = await session(scratch.url);
  await app.query('BEGIN; UPDATE t SET name = name WHERE id = 2');
  const started = performance.now();
  // A batch of one row is not halved any more: it is tried until patience ends. The test waits for less: it gives up by itself.
  const stop = new AbortController();
  const running = convert(scratch, ring, 'encrypt', { batch: 4, signal: stop.signal });
  running.catch(() => {});
  await sleep(4000);
  stop.abort();
  expect(await running).toMatchObject({ interrupted: true });
  expect(performance.now() - started).toBeLessThan(20_000);
  await app.query('ROLLBACK');
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0, conflicts: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined || !deep)('[W5] a row lock that is never let go: the job ends, and names who holds it', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const app = await session(scratch.url);
  await app.query('BEGIN; UPDATE t SET name = name WHERE id = 2');
  const started = performance.now();
  const { code, message, hint } = await refused(convert(scratch, ring, 'encrypt', { batch: 4 }));
  const seconds = (performance.now() - started) / 1000;
  expect(code).toBe('database-refused');
  expect(message).toMatch(/locked by others.*process \d+ of the server \(owner, migration, idle in transaction for \d+ s\)/);
  expect(hint).toMatch(/run it again/);
  process.stdout.write(`a row that stays locked ends the job after ${seconds.toFixed(0)} s\n`);
  await app.query('ROLLBACK');
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0 });
  expectWhole(scratch, ring, ROWS);
}, 300_000);

test.skipIf(missing !== undefined)('[W5] a table that a migration locks: a look at it waits two seconds and names the migration; a job that runs goes on when the table is free', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const migration = await session(scratch.url);
  const database = await scratch.open();
  const table = await database.table(PROVEN);
  await migration.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
  const started = performance.now();
  const { code, message } = await refused(table.read(null, 10));
  expect(code).toBe('database-refused');
  expect(message).toMatch(/locked by others.*process \d+ of the server \(owner, migration, idle in transaction for \d+ s\)/);
  await refused(table.write([], { job: 'x', pass: 1, after: null, counts: {} }).then(async () => await table.census()));
  expect(performance.now() - started).toBeLessThan(10_000);
  await migration.query('COMMIT');

  const begun = new AbortController();
  const running = convertIn(database, ring, 'encrypt', { batch: 10, maxRate: 60, onProgress: () => begun.abort() });
  while (!begun.signal.aborted) await sleep(20);
  await migration.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE');
  await sleep(2300);
  await migration.query('COMMIT');
  expect(await running).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('a database whose transactions are serializable, and a role with short timeouts: the job has its own', async () => {
  const scratch = aTable(ROWS);
  const name = scratch.sql('SELECT current_database()');
  for (const setting of ["default_transaction_isolation = 'serializable'", 'statement_timeout = 200', 'lock_timeout = 1', 'idle_in_transaction_session_timeout = 500']) {
    scratch.sql(`ALTER ROLE owner IN DATABASE ${name} SET ${setting}`);
  }
  const ring = await heldRing();
  const report = await convert(scratch, ring, 'encrypt');
  expect(report).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[W5] batches that take longer than is allowed are halved until they do not', async () => {
  const rows = deep ? ROWS : 40;
  const scratch = aTable(rows, "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$; CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()");
  const ring = await heldRing();
  const report = await convert(scratch, ring, 'encrypt', { batch: 25 }, { ...PROVEN, set: { statement_timeout: '250ms' } });
  expect(report).toMatchObject({ changed: rows, conflicts: 0, remaining: 0 });
  expectWhole(scratch, ring, rows);
});

test.skipIf(missing !== undefined)('[D3] an application in serializable transactions fails itself, or writes: no write of it is lost', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const values = applicationColumn(ring, PROVEN);
  const app = await session(scratch.url);
  const over: Record<number, string> = {};
  const stop = new AbortController();
  let failed = 0;
  const writing = (async () => {
    for (let n = 0; !stop.signal.aborted; n++) {
      const id = 1 + ((n * 37) % ROWS);
      try {
        await app.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
        await app.query('SELECT count(*) FROM t WHERE id BETWEEN $1 AND $1 + 20', [id]);
        await app.query('UPDATE t SET secret = $2 WHERE id = $1', [id, values.encrypt(`serial ${n}`, { org: orgOf(id) })]);
        await app.query('COMMIT');
        over[id] = `serial ${n}`;
      } catch (error) {
        if ((error as { readonly code?: string }).code !== '40001') throw error;
        failed++;
        await app.query('ROLLBACK');
      }
    }
  })();
  const report = await convert(scratch, ring, 'encrypt', { batch: 10, maxRate: 200 });
  stop.abort();
  await writing;
  expect(report).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  expect(Object.keys(over).length + failed).toBeGreaterThan(10);
  expectWhole(scratch, ring, ROWS, over);
});

test.skipIf(missing !== undefined)('an idle transaction that has read the table, and one that shares a lock on it, hold nothing up', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const idle = await session(scratch.url);
  await idle.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t; LOCK TABLE t IN ROW SHARE MODE');
  expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
  await idle.query('COMMIT');
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('[W5] a job that is killed (-9) in the middle of a batch: the second starts at once and goes on where it stopped', async () => {
  const scratch = aTable(MANY);
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
  expect(report).toMatchObject({ resumed: true, rows: MANY, changed: MANY, conflicts: 0, remaining: 0 });
  expect(performance.now() - started).toBeLessThan(10_000);
  expectWhole(scratch, ring, MANY);
});

test.skipIf(missing !== undefined)('[W5] a job that loses its lock with its connection, while another job takes it, stops before it writes again', async () => {
  const { scratch, database, ring, thief } = robbed;
  const { code, hint } = await robbed.refused;
  await robbed.theft();
  expect(code).toBe('busy');
  expect(hint).toMatch(/run it again/);
  const done = Number(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE 'lfv1.%'"));
  expect(done).toBeGreaterThanOrEqual(100);
  expect(done).toBeLessThan(MANY);
  await thief.query('SELECT pg_advisory_unlock_all()');
  await Promise.all([database.close(), thief.end()]);
  const second = rotatedRing(ring);
  expect(await convert(scratch, second, 'encrypt')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
  expect(asRead(scratch, second).size).toBe(MANY);
}, 120_000);
