/** Running applications in the table of their database: PostgreSQL, MariaDB and SQLite, each with a client that an application would use. */
import { channel } from 'node:diagnostics_channel';
import { DatabaseSync } from 'node:sqlite';

import { LockfastError } from '@lockfast/core/errors';
import { KEY_RING_CHANNEL, type KeyRing, type KeyRingMessage, type LiveRing } from '@lockfast/core/keyring';
import { createPool } from 'mysql2/promise';
import { Client, Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { missingForMariadb, missingForPostgres, startMariadb, startPostgres } from '@lockfast/testkit';
import { type InstanceDatabase, instanceOf, type InstancePlace, type InstanceReport, INSTANCES_TABLE, instanceStatements, type ReportedInstance, reportInstance } from '../src/instances/index.ts';
import { heldRing, rotatedRing } from './held-ring.ts';

const never = (error: unknown): never => {
  throw error;
};

/** A ring that is replaced by hand, as `LiveKeyRing` replaces it and says so. */
class Replaced implements LiveRing {
  #ring: KeyRing;

  constructor(ring: KeyRing) {
    this.#ring = ring;
  }

  current(): KeyRing {
    return this.#ring;
  }

  lookAgain(): boolean {
    return false;
  }

  replace(ring: KeyRing): void {
    this.#ring = ring;
    channel(KEY_RING_CHANNEL).publish({ event: 'replaced', environment: ring.environment, activeKey: ring.active().id, generation: ring.version.generation } satisfies KeyRingMessage);
  }
}

/** A database of a test's own. */
interface Scratch {
  readonly place: InstancePlace;
  /** What the command would read. */
  read(table?: string): Promise<ReportedInstance[]>;
  run(sql: string): Promise<void>;
}

interface Kind {
  readonly database: InstanceDatabase;
  readonly missing: string | undefined;
  readonly start: () => Promise<{ fresh(): Promise<Scratch>; stop(): Promise<void> }>;
  /** A moment so many seconds ago. */
  readonly ago: (seconds: number) => string;
}

const KINDS: readonly Kind[] = [
  {
    database: 'postgres',
    missing: missingForPostgres(),
    ago: (seconds) => `now() - interval '${seconds} seconds'`,
    start: async () => {
      const server = await startPostgres('fast');
      let made = 0;
      return {
        stop: () => server.stop(),
        fresh: async () => {
          const name = `i${made++}`;
          server.sql('postgres', `CREATE DATABASE ${name}`);
          const pool = new Pool({ connectionString: server.url('postgres', name), max: 12 });
          onTestFinished(() => pool.end());
          return {
            place: { database: 'postgres', query: (sql, values) => pool.query(sql, [...values]) },
            read: async (table = INSTANCES_TABLE) => {
              const { rows } = await pool.query<unknown[]>({ text: instanceStatements('postgres', table).read, rowMode: 'array' });
              return rows.map((row) => instanceOf(row, table));
            },
            run: async (sql) => void (await pool.query(sql)),
          };
        },
      };
    },
  },
  {
    database: 'mysql',
    missing: missingForMariadb(),
    ago: (seconds) => `utc_timestamp(3) - INTERVAL ${seconds} SECOND`,
    start: async () => {
      const server = await startMariadb('fast');
      let made = 0;
      return {
        stop: () => server.stop(),
        fresh: async () => {
          const name = `i${made++}`;
          server.sql('mysql', `CREATE DATABASE ${name}`);
          // Another zone than the server's: moments are the server's business.
          const pool = createPool({ uri: server.url('root', name), connectionLimit: 12, timezone: '+09:00' });
          onTestFinished(() => pool.end());
          return {
            place: { database: 'mysql', query: (sql, values) => pool.execute(sql, [...values]) },
            read: async (table = INSTANCES_TABLE) => {
              const [rows] = await pool.query({ sql: instanceStatements('mysql', table).read, rowsAsArray: true });
              return (rows as unknown as unknown[][]).map((row) => instanceOf(row, table));
            },
            run: async (sql) => void (await pool.query(sql)),
          };
        },
      };
    },
  },
  {
    database: 'sqlite',
    missing: undefined,
    ago: (seconds) => `julianday('now') - ${seconds} / 86400.0`,
    start: async () => ({
      stop: async () => {},
      fresh: async () => {
        const database = new DatabaseSync(':memory:');
        onTestFinished(() => database.close());
        return {
          place: { database: 'sqlite', query: (sql, values) => database.prepare(sql).run(...values) },
          read: async (table = INSTANCES_TABLE) => {
            const statement = database.prepare(instanceStatements('sqlite', table).read);
            statement.setReturnArrays(true);
            return (statement.all() as unknown as unknown[][]).map((row) => instanceOf(row, table));
          },
          run: async (sql) => database.exec(sql),
        };
      },
    }),
  },
];

describe.each(KINDS)('$database', ({ database, missing, start, ago }) => {
  let server: Awaited<ReturnType<Kind['start']>>;
  beforeAll(async () => {
    if (missing === undefined) server = await start();
  }, 60_000);
  afterAll(async () => server?.stop());
  const needs = test.skipIf(missing !== undefined);

  async function reporting(scratch: Scratch, ring: KeyRing | LiveRing, place: Partial<InstancePlace> = {}): Promise<InstanceReport> {
    const report = await reportInstance(ring, { ...scratch.place, ...place }, never);
    onTestFinished(() => report.stop());
    return report;
  }

  needs(`[T4] an instance says which ring and keys it has, again when its ring was replaced, and is gone when it is closed${missing === undefined ? '' : ` (${missing})`}`, async () => {
    const scratch = await server.fresh();
    const ring = await heldRing();
    const live = new Replaced(ring);
    const report = await reporting(scratch, live, { host: 'web-1' });
    const [old, version] = [ring.active().id, ring.version];
    expect(await scratch.read()).toEqual([
      { instance: report.instance, host: 'web-1', environment: 'production', ring: version.ring, generation: 1, active: old, held: [old], seenAgoMs: expect.any(Number), startedAgoMs: expect.any(Number), live: true },
    ]);
    const next = rotatedRing(ring);
    const key = next.active().id;
    live.replace(next);
    await expect.poll(async () => (await scratch.read())[0]).toMatchObject({ generation: 3, active: key, held: [old, key] });
    live.replace(next.withRetired(old));
    await expect.poll(async () => (await scratch.read())[0]).toMatchObject({ generation: 4, active: key, held: [key] });
    const [{ seenAgoMs, startedAgoMs }] = (await scratch.read()) as [ReportedInstance];
    expect(startedAgoMs).toBeGreaterThanOrEqual(seenAgoMs);
    expect(startedAgoMs).toBeLessThan(60_000);
    await report.close();
    live.replace(next.withNewKey());
    await report.report();
    expect(await scratch.read()).toEqual([]);
  });

  needs('[T4] ten that start at once where there is no table yet, all report', async () => {
    const scratch = await server.fresh();
    const ring = await heldRing();
    await Promise.all(Array.from({ length: 10 }, (_, i) => reporting(scratch, ring, { host: `web-${i}` })));
    expect((await scratch.read()).map(({ host }) => host)).toEqual(Array.from({ length: 10 }, (_, i) => `web-${i}`));
  });

  needs("[T4] one that was not seen for a minute is gone, by the database's clock; after a day the next start takes its row away", async () => {
    const scratch = await server.fresh();
    const ring = await heldRing();
    await reporting(scratch, ring);
    const seen = async (seconds: number): Promise<boolean> => {
      await scratch.run(`UPDATE ${INSTANCES_TABLE} SET seen = ${ago(seconds)}`);
      return (await scratch.read())[0]!.live;
    };
    expect([await seen(0), await seen(55), await seen(65), await seen(3600)]).toEqual([true, true, false, false]);
    await seen(23 * 3600);
    const second = await reporting(scratch, ring);
    expect(await scratch.read()).toHaveLength(2);
    await seen(25 * 3600);
    await second.report();
    await reporting(scratch, ring);
    expect((await scratch.read()).filter(({ live }) => !live)).toEqual([]);
  });

  needs('another name of the table; one that could be anything else is refused', async () => {
    const scratch = await server.fresh();
    const table = 'our_instances';
    await reporting(scratch, await heldRing(), { table });
    expect(await scratch.read(table)).toHaveLength(1);
    for (const name of ['', 'A', 'a b', 'a;b', 'a"b', 'a.b.c', '1a', 'a'.repeat(64)]) expect(() => instanceStatements(database, name)).toThrow(LockfastError);
  });
});

describe.skipIf(missingForPostgres() !== undefined)('rights', () => {
  test('a role that may not make the table is told so, and reports where it was made for it', async () => {
    const server = await startPostgres('fast');
    onTestFinished(() => server.stop());
    server.sql('postgres', 'CREATE ROLE app LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC');
    const client = new Client({ connectionString: server.url('app', 'postgres') });
    await client.connect();
    onTestFinished(() => client.end());
    const place: InstancePlace = { database: 'postgres', query: (sql, values) => client.query(sql, [...values]) };
    const ring = await heldRing();
    await expect(reportInstance(ring, place, never)).rejects.toMatchObject({ code: 'database-unavailable', hint: expect.stringContaining('SELECT, INSERT, UPDATE and DELETE'), cause: { code: '42P01' } });
    server.sql('postgres', `${instanceStatements('postgres', INSTANCES_TABLE).create}; GRANT SELECT, INSERT, UPDATE, DELETE ON ${INSTANCES_TABLE} TO app`);
    const report = await reportInstance(ring, place, never);
    expect(server.sql('postgres', `SELECT instance FROM ${INSTANCES_TABLE}`)).toBe(report.instance);
    await report.close();
  });
});

test('[T4] a database that is away for a while: who listens is told, the next report is made, and none piles up', async () => {
  const ring = await heldRing();
  let away = false;
  let asked = 0;
  const failures: unknown[] = [];
  const query = async (): Promise<void> => {
    asked++;
    if (away) throw new Error('connection refused');
  };
  const report = await reportInstance(ring, { database: 'postgres', query }, (error) => void failures.push(error), 1000);
  onTestFinished(() => report.stop());
  away = true;
  await expect.poll(() => failures.length, { timeout: 5000 }).toBe(1);
  expect(failures[0]).toMatchObject({ code: 'database-unavailable', cause: { message: 'connection refused' } });
  await expect(report.close()).rejects.toMatchObject({ code: 'database-unavailable' });
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(asked).toBe(before);
});

test('a row that no application reported is refused, whatever is wrong with it', () => {
  const good = ['abcdefghijklmnop', 'web-1', 'production', 'abcdefghijklmnop', 3, 'kq2d5x', 'ab3c4d kq2d5x', 60, 1.5, 100];
  expect(instanceOf(good, 't')).toMatchObject({ held: ['ab3c4d', 'kq2d5x'], live: true, seenAgoMs: 1500 });
  expect(instanceOf(good.with(1, null as never), 't').host).toBeNull();
  expect(instanceOf(good.with(8, -5), 't')).toMatchObject({ seenAgoMs: 0, live: true });
  for (const [at, wrong] of [[0, 'x'], [0, null], [1, 'two words'], [1, '\u001b[2J'], [1, 'x'.repeat(256)], [2, ''], [3, 'short'], [4, 'x'], [5, 'zzzzzz'], [5, null], [6, ''], [6, 'kq2d5x  '], [6, 5], [7, Number.NaN], [8, 'soon'], [9, undefined]] as const) {
    expect(() => instanceOf(good.with(at, wrong as never), 't'), `${at}: ${String(wrong)}`).toThrow(LockfastError);
  }
});

test.for([0, 999, 1000.5, Number.NaN, 300_001])('an interval of reports that is none is refused: %d', async (everyMs) => {
  await expect(reportInstance(await heldRing(), { database: 'postgres', query: () => {} }, never, everyMs)).rejects.toMatchObject({ code: 'usage' });
});

test.for(['', 'two words', '\u001b[2J', 'x'.repeat(256)])('a name of an instance that could not be shown is refused: %j', async (host) => {
  await expect(reportInstance(await heldRing(), { database: 'postgres', query: () => {}, host }, never)).rejects.toMatchObject({ code: 'usage' });
});
