/** What the server will not do: a full disk, a replica, a role without rights. The user sees what it is and what to do. */
import { chownSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { missingForMounting, missingForStandby, mountSmallDisk, startStandby } from '@lockfast/testkit';
import { expect, onTestFinished, test } from 'vitest';

import { missing, theServer, withServer } from '../jobs/postgres/a-database.ts';
import { heldRing } from '../held-ring.ts';
import { aTable, asRead, CANARY, convert, convertIn, expected, expectWhole, refused } from './proof-scene.ts';

withServer();

const ROWS = 60;

test.skipIf(missing !== undefined || missingForMounting() !== undefined)('[W5] a disk of the server that fills up: what is committed stands, the message says so, and with room the same call finishes', async () => {
  const directory = join(theServer().socket, 'small');
  const unmount = mountSmallDisk(directory, '1m');
  onTestFinished(unmount);
  const { uid, gid } = statSync(join(theServer().socket, 'data'));
  chownSync(directory, uid, gid);
  theServer().sql('postgres', `CREATE TABLESPACE small LOCATION '${directory}'`);
  theServer().sql('postgres', 'GRANT CREATE ON TABLESPACE small TO owner');
  const rows = 4000;
  const scratch = aTable(rows, 'ALTER TABLE t SET (autovacuum_enabled = off)');
  scratch.sql('ALTER TABLE t SET TABLESPACE small');
  const ring = await heldRing();
  const { code, message, hint } = await refused(convert(scratch, ring, 'encrypt', { batch: 200 }));
  expect({ code, message, hint }).toEqual({ code: 'database-refused', message: expect.stringMatching(/disk is full/) as string, hint: expect.stringMatching(/free space/) as string });
  const done = Number(scratch.sql("SELECT count(*) FROM t WHERE secret LIKE 'lfv1.%'"));
  expect(done % 200).toBe(0);
  expect(scratch.sql(`SELECT count(*) FROM t WHERE secret = '${CANARY} ' || id`)).toBe(String(rows - done));
  scratch.sql('ALTER TABLE t SET TABLESPACE pg_default');
  expect(await convert(scratch, ring, 'encrypt', { batch: 200 })).toMatchObject({ rows, changed: rows, conflicts: 0, remaining: 0 });
  expectWhole(scratch, ring, rows);
  scratch.sql('DROP TABLE t');
  theServer().sql('postgres', 'DROP TABLESPACE small');
}, 90_000);

test.skipIf(missing !== undefined || missingForStandby() !== undefined)('a replica is refused before anything is tried; a dry run and a look may use it', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const replica = await startStandby(theServer(), 0);
  onTestFinished(async () => await replica.stop());
  const database = await scratch.open(replica.url('owner', scratch.sql('SELECT current_database()')));
  expect(await convertIn(database, ring, 'encrypt', { dryRun: true })).toMatchObject({ rows: ROWS, changed: ROWS });
  const { code, message, hint } = await refused(convertIn(database, ring, 'encrypt'));
  expect({ code, message, hint }).toEqual({ code: 'database-refused', message: expect.stringMatching(/is a replica/) as string, hint: 'name the primary in the URL' });
}, 60_000);

test.skipIf(missing !== undefined)('roles without a right: each is told which, and nothing is half done', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  const as = async (grants: string): Promise<ReturnType<typeof convertIn>> => {
    scratch.sql(`REVOKE ALL ON t FROM app; ${grants}`);
    const database = await scratch.open(scratch.urlOf('app'));
    try {
      return await convertIn(database, ring, 'encrypt');
    } finally {
      await database.close();
    }
  };
  for (const grants of ['', 'GRANT UPDATE ON t TO app', 'GRANT SELECT ON t TO app', 'GRANT SELECT (id, org) ON t TO app; GRANT UPDATE ON t TO app']) {
    const { code, message, hint } = await refused(as(grants));
    expect({ code, message, hint }).toEqual({ code: 'database-refused', message: expect.stringMatching(/may not do that/) as string, hint: expect.stringMatching(/grant it SELECT and UPDATE/) as string });
  }
  expect(scratch.sql(`SELECT count(*) FROM t WHERE secret = '${CANARY} ' || id`)).toBe(String(ROWS));
  // Not even CREATE is needed: then there are no checkpoints, and another call starts anew.
  expect(await as('GRANT SELECT (id, org, secret), UPDATE (secret) ON t TO app')).toMatchObject({ changed: ROWS, remaining: 0 });
  expect(scratch.sql("SELECT to_regnamespace('lockfast') IS NULL")).toBe('t');
  expect(asRead(scratch, ring)).toEqual(expected(ROWS));
});

test.skipIf(missing !== undefined)('a role that may keep no checkpoints is killed in the middle: the same call finds what is left', async () => {
  const scratch = aTable(ROWS, 'GRANT SELECT, UPDATE ON t TO app');
  const ring = await heldRing();
  const stop = new AbortController();
  const database = await scratch.open(scratch.urlOf('app'));
  expect(await convertIn(database, ring, 'encrypt', { batch: 10, signal: stop.signal, onProgress: ({ changed }) => void (changed >= 20 && stop.abort()) })).toMatchObject({ interrupted: true });
  expect(await convertIn(database, ring, 'encrypt')).toMatchObject({ resumed: false, rows: ROWS, remaining: 0 });
  expectWhole(scratch, ring, ROWS);
});

test.skipIf(missing !== undefined)('a database that an administrator made read-only, as before a move to another server, is not written to', async () => {
  const scratch = aTable(ROWS);
  const ring = await heldRing();
  scratch.sql(`ALTER DATABASE ${scratch.sql('SELECT current_database()')} SET default_transaction_read_only = on`);
  const { code, message } = await refused(convert(scratch, ring, 'encrypt'));
  expect({ code, message }).toEqual({ code: 'database-refused', message: expect.stringMatching(/takes no writes now/) as string });
  expect(scratch.sql(`SELECT count(*) FROM t WHERE secret = '${CANARY} ' || id`)).toBe(String(ROWS));
});
