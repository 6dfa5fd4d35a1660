import { setTimeout as sleep } from 'node:timers/promises';

import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { CuttingProxy, missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';

import { APPEND_LOCK, STEPS } from '../src/stores/postgres-schema.ts';
import { installPostgresLedger, openPostgresLedger } from '../src/stores/postgres.ts';
import type { LedgerStore } from '../src/stores/store.ts';
import { storeContract } from './contract.ts';
import { refusalOf } from './scratch.ts';
import { everyEntry, expectWhole } from './whole.ts';

const missing = missingForPostgres();
let server: PostgresServer;
let databases = 0;
/** A ledger whose append waits ten seconds for others, while the other tests run. */
let held: Awaited<ReturnType<typeof holdAppend>>;

beforeAll(async () => {
  if (missing !== undefined) return;
  server = await startPostgres('fast');
  server.sql('postgres', 'CREATE ROLE owner LOGIN');
  server.sql('postgres', 'CREATE ROLE app LOGIN');
  held = await holdAppend();
}, 60_000);

afterAll(async () => {
  if (missing !== undefined) return;
  await held.store.close();
  await server.stop();
}, 30_000);

function newDatabase(): string {
  const name = `ledger_${(databases += 1)}`;
  server.sql('postgres', `CREATE DATABASE ${name} OWNER owner`);
  return name;
}

function closing(store: LedgerStore): LedgerStore {
  onTestFinished(async () => await store.close());
  return store;
}

async function newLedger(): Promise<{ database: string; url: string; store: LedgerStore }> {
  const database = newDatabase();
  await installPostgresLedger(server.url('owner', database), { applicationRole: 'app' });
  const url = server.url('app', database);
  return { database, url, store: closing(await openPostgresLedger(url)) };
}

/** Takes the lock of all appends. @returns gives it back */
async function holdLock(database: string): Promise<() => Promise<void>> {
  const holder = new Client({ connectionString: server.url('owner', database) });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query(`SELECT pg_advisory_xact_lock(${APPEND_LOCK})`);
  return async () => await holder.end();
}

async function holdAppend(): Promise<{ readonly store: LedgerStore; readonly refused: ReturnType<typeof refusalOf>; readonly release: () => Promise<void> }> {
  const database = newDatabase();
  await installPostgresLedger(server.url('owner', database), { applicationRole: 'app' });
  const store = await openPostgresLedger(server.url('app', database));
  const release = await holdLock(database);
  const refused = refusalOf(store.append([Buffer.from('a')]));
  refused.catch(() => {});
  return { store, refused, release };
}

const APPEND = 'lockfast_ledger.append';

/** A ledger behind a proxy of its own. */
async function throughProxy(database: string): Promise<{ readonly proxy: CuttingProxy; readonly through: LedgerStore }> {
  const proxy = await CuttingProxy.before(server.port);
  onTestFinished(async () => await proxy.close());
  return { proxy, through: closing(await openPostgresLedger(`postgres://app@127.0.0.1:${proxy.port}/${database}`)) };
}

describe.skipIf(missing !== undefined)(`PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  storeContract({
    keepsMac: false,
    make: async () => {
      const { url, store } = await newLedger();
      return { place: url, store, reopen: async () => closing(await openPostgresLedger(url)) };
    },
  });

  test.each([
    "UPDATE lockfast_ledger.entries SET entry = ''",
    'DELETE FROM lockfast_ledger.entries',
    'TRUNCATE lockfast_ledger.entries',
    "INSERT INTO lockfast_ledger.entries VALUES (9, '', '', '', NULL)",
    "UPDATE lockfast_ledger.checkpoints SET note = ''",
    'DELETE FROM lockfast_ledger.signers',
    'DROP TABLE lockfast_ledger.entries',
    'CREATE TABLE lockfast_ledger.mine (x int)',
    'ALTER TABLE lockfast_ledger.entries DISABLE TRIGGER ALL',
    "UPDATE lockfast_ledger.ledger SET log_id = ''",
    'UPDATE lockfast_ledger.version SET number = 9',
  ])('the application role may not: %s', async (statement) => {
    const { database, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    expect(() => server.sql(database, `SET ROLE app; ${statement}`)).toThrow(/permission denied|must be owner/);
    expect(await expectWhole(store)).toBe(1);
  });

  test('a slip of the owner neither changes nor removes entries', async () => {
    const { database, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    for (const statement of ["UPDATE lockfast_ledger.entries SET entry = ''", 'DELETE FROM lockfast_ledger.entries', 'TRUNCATE lockfast_ledger.entries']) {
      expect(() => server.sql(database, `SET ROLE owner; ${statement}`)).toThrow('entries are never changed or removed');
    }
  });

  test('objects of that name elsewhere in the path of the caller are not used', async () => {
    const { database, store } = await newLedger();
    server.sql(database, "CREATE SCHEMA evil; GRANT ALL ON SCHEMA evil TO app; ALTER ROLE app SET search_path = evil, pg_catalog; SET ROLE app; CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$");
    try {
      const evil = closing(await openPostgresLedger(server.url('app', database)));
      await evil.append([Buffer.from('a'), Buffer.from('b')]);
    } finally {
      server.sql(database, 'ALTER ROLE app RESET search_path');
    }
    expect(await expectWhole(store)).toBe(2);
  });

  test('installing again keeps the ledger; a database without one, and a role that is missing, are told', async () => {
    const { database, url, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    await installPostgresLedger(server.url('owner', database), { applicationRole: 'app' });
    const again = closing(await openPostgresLedger(url));
    expect(again.logId).toBe(store.logId);
    expect(await expectWhole(again)).toBe(1);
    expect(await refusalOf(openPostgresLedger(server.url('app', 'postgres')))).toMatchObject({ code: 'ledger-missing' });
    expect(await refusalOf(openPostgresLedger(server.url('app', 'nowhere')))).toMatchObject({ code: 'ledger-missing' });
    expect((await refusalOf(installPostgresLedger(server.url('owner', newDatabase()), { applicationRole: 'no"body' }))).message).toContain('there is no such role');
  });

  test('a ledger of format 1 is brought up to date by its owner; a newer one is refused', async () => {
    const database = newDatabase();
    server.sql(database, `SET ROLE owner; CREATE SCHEMA lockfast_ledger; CREATE TABLE lockfast_ledger.version (one boolean PRIMARY KEY DEFAULT true CHECK (one), number int NOT NULL); ${STEPS[0]!}
      INSERT INTO lockfast_ledger.version (number) VALUES (1); INSERT INTO lockfast_ledger.ledger (log_id) VALUES ('abcdefghijklmnop');
      SELECT lockfast_ledger.append('00000000-0000-0000-0000-000000000001', ARRAY['old 1', 'old 2', 'old 3']::bytea[]);
      GRANT USAGE ON SCHEMA lockfast_ledger TO app; GRANT SELECT ON ALL TABLES IN SCHEMA lockfast_ledger TO app`);
    const url = server.url('app', database);
    expect(await refusalOf(openPostgresLedger(url))).toMatchObject({ code: 'unsupported-format', hint: 'install it again as its owner: that brings it up to date' });
    await installPostgresLedger(server.url('owner', database), { applicationRole: 'app' });
    const store = closing(await openPostgresLedger(url));
    expect(store.logId).toBe('abcdefghijklmnop');
    expect(await everyEntry(store)).toEqual(['old 1', 'old 2', 'old 3']);
    await store.append([Buffer.from('new')]);
    await store.addCheckpoint({ size: 4, origin: 'o', note: 'n' });
    await expectWhole(store);
    server.sql(database, 'UPDATE lockfast_ledger.version SET number = 9');
    expect(await refusalOf(openPostgresLedger(url))).toMatchObject({ code: 'unsupported-format' });
    expect(await refusalOf(installPostgresLedger(server.url('owner', database), { applicationRole: 'app' }))).toMatchObject({ code: 'unsupported-format' });
  });

  test('no message shows the password, and what is not reached is unavailable', async () => {
    const { database } = await newLedger();
    const secret = 'canary-Pa55';
    const urls = [`postgres://app:${secret}@127.0.0.1:1/${database}`, `postgres://app:${secret}@127.0.0.1:${server.port}/nowhere?password=${secret}`, `postgres://app:${secret}@[bad/`, `mysql://app:${secret}@h/d`, `postgres://none:${secret}@127.0.0.1:${server.port}/${database}`];
    const refusals = await Promise.all(urls.map(async (url) => await refusalOf(openPostgresLedger(url))));
    expect(refusals.map(({ code }) => code)).toEqual(['ledger-unavailable', 'ledger-missing', 'config-invalid', 'config-invalid', 'ledger-unavailable']);
    expect(JSON.stringify(refusals)).not.toContain(secret);
    expect(refusals[0]!.message).toBe(`the ledger postgres://app@127.0.0.1:1/${database} can not be used: the server can not be reached, or was lost (ECONNREFUSED)`);
  });

  test('a connection that the server ends is made again', async () => {
    const { database, store } = await newLedger();
    await store.append([Buffer.from('a')]);
    server.sql('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`);
    await sleep(100);
    expect(await store.append([Buffer.from('b')])).toBe(2);
    expect(await everyEntry(store)).toEqual(['a', 'b']);
  });

  test('a backend that is ended while it waits to append has recorded nothing, and the append is made once', async () => {
    const { database, store } = await newLedger();
    const release = await holdLock(database);
    const waiting = store.append([Buffer.from('a')]);
    await sleep(300);
    server.sql('postgres', `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}' AND usename = 'app'`);
    await release();
    expect(await waiting).toBe(1);
    expect(await expectWhole(store)).toBe(1);
  });

  test('[B5] a connection cut before COMMIT: recorded once, by the second try', async () => {
    const { database, store } = await newLedger();
    const { proxy, through } = await throughProxy(database);
    proxy.cut('before', APPEND);
    expect(await through.append([Buffer.from('a'), Buffer.from('b')])).toBe(1);
    expect(proxy.struck).toBe(1);
    expect(await everyEntry(store)).toEqual(['a', 'b']);
  });

  test('[B5] a connection cut after COMMIT and before the reply: recorded once', async () => {
    const { database, store } = await newLedger();
    await store.append([Buffer.from('before')]);
    const { proxy, through } = await throughProxy(database);
    proxy.cut('after', APPEND);
    expect(await through.append([Buffer.from('a'), Buffer.from('b')])).toBe(2);
    expect(proxy.struck).toBe(1);
    expect(await everyEntry(store)).toEqual(['before', 'a', 'b']);
    await expectWhole(store);
  });

  test('a server that stays away: ledger-unavailable', async () => {
    const { database } = await newLedger();
    const { proxy, through } = await throughProxy(database);
    server.sql('postgres', `ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    proxy.cut('after', APPEND);
    expect(await refusalOf(through.append([Buffer.from('a')]))).toMatchObject({ code: 'ledger-unavailable' });
    server.sql('postgres', `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
  });

  test('a lock that is held too long: the statement ends, nothing is recorded, and the store goes on', { timeout: 40_000 }, async () => {
    const { release, store, refused } = held;
    const refusal = await refused;
    expect(refusal).toMatchObject({ code: 'ledger-unavailable' });
    expect(refusal.message).toContain('was not done within 10 s');
    await release();
    expect(await store.append([Buffer.from('b')])).toBe(1);
    expect(await everyEntry(store)).toEqual(['b']);
  });
});
