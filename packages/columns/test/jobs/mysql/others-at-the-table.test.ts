/** Locks, deadlocks and killed jobs on MariaDB: a job waits for a bounded time, says for whom, and loses nothing. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyRing } from '@lockfast/core/keyring';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { MARIADB } from '../../databases/mariadb.ts';
import { openColumns } from '../../databases/open-columns.ts';
import { isRolledBack } from '../../databases/session.ts';
import { heldRing, heldSource, rotatedRing } from '../../held-ring.ts';
import { startedJob } from '../../proof/job-programs.ts';
import { aTableOn, convert, convertIn, expectWhole, orgOf, PROVEN, refused } from '../../proof/proof-scene.ts';
import { aTarget } from '../postgres/a-database.ts';
import { applicationColumn } from '../scene.ts';
import { missing, withMariadb } from './a-database.ts';

withMariadb();

const ROWS = 100;

/** Waits ten seconds for its lock, while the other tests run. */
let robbed: Awaited<ReturnType<typeof aRobbedJob>>;

beforeAll(async () => {
  if (missing === undefined) robbed = await aRobbedJob();
}, 60_000);

async function aRobbedJob() {
  const scratch = aTableOn(MARIADB, ROWS);
  const [first, second] = [await openColumns(scratch.url), await openColumns(scratch.url)];
  await first.lock(aTarget({}));
  const table = await first.table(aTarget({}));
  const rows = await table.read(null, 5);
  expect((await refused(second.lock(aTarget({ table: '`t`' })))).message).toMatch(/another job works on \S+\.t\.secret \(connection \d+ of the server\)/);
  scratch.cutJobs();
  const retake = second.lock(aTarget({}));
  await retake.catch(async () => await second.lock(aTarget({})));
  const write = async (): Promise<unknown> => await table.write(rows.map((row) => ({ row, value: 'x' })), undefined);
  const refusal = refused(write().catch(async (error: unknown) => (first.remedyOf(error) === 'reconnect' ? await write() : Promise.reject(error as Error))));
  refusal.catch(() => {});
  return { scratch, first, second, refused: refusal };
}

describe.skipIf(missing !== undefined)(`others at a table of MariaDB${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('[W5] an application that updates the same rows in the opposite order: deadlocks cost both sides time alone', async () => {
    const scratch = aTableOn(MARIADB, ROWS);
    const first = await heldRing();
    const second = rotatedRing(first);
    await convert(scratch, first, 'encrypt');
    const app = await scratch.session();
    const values = applicationColumn(second, PROVEN);
    const over: Record<number, string> = {};
    const stop = new AbortController();
    let [deadlocks, done] = [0, 0];
    const writing = (async () => {
      for (let n = 0; !stop.signal.aborted; n++) {
        const mine: Record<number, string> = {};
        try {
          await app.query('START TRANSACTION');
          for (let id = ROWS - (n % 7); id > 0; id -= 9) {
            const value = `round ${n} of row ${id}`;
            mine[id] = value;
            await app.query('UPDATE t SET secret = ? WHERE id = ?', [String(values.encrypt(value, { org: orgOf(id) })), id]);
          }
          await app.query('COMMIT');
          Object.assign(over, mine);
          done++;
        } catch (error) {
          if (!isRolledBack(error)) throw error;
          deadlocks++;
        }
      }
    })();
    writing.catch(() => {});
    let ring = second;
    for (let n = 0; n < 3; n++) {
      await convert(scratch, ring, 'rotate', { batch: 50 });
      ring = rotatedRing(ring);
    }
    stop.abort();
    await writing;
    expect(await convert(scratch, ring, 'rotate')).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
    expectWhole(scratch, ring, ROWS, over);
    expect(done).toBeGreaterThan(3);
    process.stdout.write(`MariaDB, opposite order: ${done} transactions of the application, ${deadlocks} of them ended by the server\n`);
  }, 60_000);

  test('[W5] rows and tables that others hold: a wait of two seconds, the holder named where it may be seen, and the same call goes on', async () => {
    const scratch = aTableOn(MARIADB, ROWS);
    const ring = await heldRing();
    const app = await scratch.session();
    await app.query('START TRANSACTION');
    await app.query("UPDATE t SET name = 'his' WHERE id = 2");
    const database = await scratch.open(scratch.url.replace('owner@', 'root@'));
    const table = await database.table(aTarget({ context: ['org'] }));
    const rows = await table.read(null, 5);
    const started = performance.now();
    const held = await refused(table.write(rows.map((row) => ({ row, value: 'x' })), undefined));
    expect([held.code, database.remedyOf(held)]).toEqual(['database-refused', 'smaller-batch']);
    expect(held.message).toMatch(/locked by others.*in a transaction: connection \d+ of the server \(app, sleep\)/);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(await table.write(rows.slice(2).map((row) => ({ row, value: row.value })), undefined)).toEqual([true, true, true]);
    const running = convert(scratch, ring, 'encrypt', { batch: 50 });
    await sleep(2500);
    await app.query('COMMIT');
    expect(await running).toMatchObject({ changed: ROWS, conflicts: 0, remaining: 0 });
    expectWhole(scratch, ring, ROWS);

    await app.query('LOCK TABLES t WRITE');
    const look = await refused(table.read(null, 5));
    expect([look.code, database.remedyOf(look)]).toEqual(['database-refused', 'smaller-batch']);
    await app.query('UNLOCK TABLES');
    expect(await table.read(null, 5)).toHaveLength(5);
  }, 60_000);

  test('[W5] a job that is killed (-9) while the server works for it: the second starts as soon as the server sees it, and goes on where it stopped', async () => {
    const scratch = aTableOn(MARIADB, ROWS);
    const root = randomBytes(32);
    const ring = await KeyRing.create('production', [heldSource(root)]);
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-second-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'ring.json');
    writeFileSync(file, ring.print());
    scratch.sql(`CREATE TABLE slowly (n int); INSERT INTO slowly VALUES (1);
DELIMITER $$
CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW BEGIN IF NEW.id = 51 AND EXISTS (SELECT 1 FROM slowly) THEN DO SLEEP(3); END IF; END$$`);
    const job = startedJob('job-program.ts', { url: scratch.url, ring: file, root: root.toString('base64'), declared: PROVEN, direction: 'encrypt', batch: 20 });
    await expect.poll(() => scratch.sql("SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"), { timeout: 20_000 }).toBe('1');
    job.kill('SIGKILL');
    scratch.sql('DELETE FROM slowly');
    let report: unknown = await convert(scratch, ring, 'encrypt').catch((error: unknown) => error);
    // The server notices only when it has done what it was asked for: until then the lock is held.
    for (let n = 0; n < 5 && report instanceof Error; n++) report = await convert(scratch, ring, 'encrypt').catch((error: unknown) => error);
    expect(report).toMatchObject({ resumed: true, rows: ROWS, changed: ROWS, conflicts: 0, remaining: 0 });
    expectWhole(scratch, ring, ROWS);
  }, 60_000);

  test('[W5] a job whose lock another one takes with its connection gone stops before it writes again', async () => {
    const { scratch, first, second } = robbed;
    expect((await robbed.refused).code).toBe('busy');
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret = 'x'")).toBe('0');
    await second.close();
    expect(await convertIn(first, await heldRing(), 'encrypt')).toMatchObject({ changed: ROWS, remaining: 0 });
    await first.close();
  }, 60_000);
});
