/**
 * Appending to the ledger, each time down to the disk, beside bare durable inserts of the same bytes into the same database;
 * and verifying it: chain, tree, MACs and the form of every entry.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';

import { createSqliteLedger, type EpochKey, type LedgerEntry, type LedgerStore, printEntry, storedLedger, verifyLedger } from '@lockfast/ledger';
import { installPostgresLedger, openPostgresLedger } from '@lockfast/ledger/stores/postgres';
import { missingForPostgres, startPostgres } from '@lockfast/testkit';

import { interleave, type Step } from './interleave.ts';
import { type Job, LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 3;
const TRANSACTIONS = 40;
const BATCHES = [1, 64] as const;
const VERIFIED_ENTRIES = 10_000;
const VERIFY: Job = { name: 'ledger, SQLite, verify, entries', unit: 'a second', contenders: [] };

const USUAL: LedgerEntry = {
  v: 1,
  kind: 'outcome',
  time: '2026-11-22T10:15:23.456Z',
  actor: { user: 'root', uid: 0, sudo: 'deploy', host: 'app1.example.com', pid: 4711, program: 'lockfast env decrypt' },
  operation: 'decrypt',
  object: '/srv/tenants/wip.example.com/.env.encrypted',
  tenant: 'wip.example.com',
  environment: 'production',
  keyId: 'kq2d5x',
  outcome: 'success',
  details: { values: 41 },
};

const jobName = (database: string, batch: number): string => `ledger, ${database}, ${batch} a transaction, append`;

/** Takes entries, and returns when they are durable. */
type Appender = (entries: readonly Buffer[]) => unknown;

export async function ledger(rounds: number): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const server = missingForPostgres() === undefined ? await startPostgres('durable') : undefined;
  const closing: (() => unknown)[] = [];
  try {
    const sqlite = await createSqliteLedger(join(directory, 'ledger.db'));
    const bareSqlite = new DatabaseSync(join(directory, 'bare.db'));
    const verified = await createSqliteLedger(join(directory, 'verified.db'));
    closing.push(async () => await sqlite.close(), async () => await verified.close(), () => bareSqlite.close());
    const steps = [...appending('SQLite', LOCKFAST, intoStore(sqlite)), ...appending('SQLite', 'bare', intoTable(bareSqlite)), await verifying(verified)];
    if (server !== undefined) {
      server.sql('postgres', 'CREATE ROLE app LOGIN');
      await installPostgresLedger(server.url('postgres', 'postgres'), { applicationRole: 'app' });
      const postgres = await openPostgresLedger(server.url('app', 'postgres'));
      const client = new Client({ connectionString: server.url('postgres', 'postgres') });
      await client.connect();
      closing.push(async () => await postgres.close(), async () => await client.end());
      await client.query('CREATE TABLE bare (seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, entry bytea NOT NULL)');
      steps.push(...appending('PostgreSQL', LOCKFAST, intoStore(postgres)));
      steps.push(...appending('PostgreSQL', 'bare', async (entries) => await client.query('INSERT INTO bare (entry) SELECT unnest($1::bytea[])', [entries])));
    }
    const samples = await interleave(steps, rounds, UNRECORDED);
    const databases = server === undefined ? ['SQLite'] : ['SQLite', 'PostgreSQL'];
    return [...databases.flatMap((database) => BATCHES.map((batch) => rowOf(jobOf(jobName(database, batch)), samples))), rowOf(VERIFY, samples)];
  } finally {
    for (const close of closing) await close();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function jobOf(name: string): Job {
  return { name, unit: 'µs', contenders: ['bare'], aims: [{ against: 'bare', atLeast: 0.5 }] };
}

/** Microseconds for each entry. */
function appending(database: string, who: string, append: Appender): Step[] {
  return BATCHES.map((batch) => async (record) => {
    const entries = Array.from({ length: batch }, (_, i) => usualEntry(i));
    const start = process.hrtime.bigint();
    for (let i = 0; i < TRANSACTIONS; i++) await append(entries);
    record(jobName(database, batch), who, Number(process.hrtime.bigint() - start) / 1000 / TRANSACTIONS / batch);
  });
}

function intoStore(store: LedgerStore): Appender {
  return async (entries) => await store.append(entries);
}

/** As durable as the ledger: no head is read, nothing is hashed. */
function intoTable(database: DatabaseSync): Appender {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE bare (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT');
  const insert = database.prepare('INSERT INTO bare (entry) VALUES (?)');
  return (entries) => {
    database.exec('BEGIN IMMEDIATE');
    for (const entry of entries) insert.run(entry);
    database.exec('COMMIT');
  };
}

/** Fills the ledger with intents and their outcomes. */
async function verifying(store: LedgerStore): Promise<Step> {
  const epochKey: EpochKey | undefined = await store.epochKey();
  const created = printEntry({ ...USUAL, kind: 'event', operation: 'ledger-created', object: store.logId });
  const { outcome: _outcome, ...intent } = USUAL;
  const pairs = Array.from({ length: VERIFIED_ENTRIES / 2 }, (_, i) => [printEntry({ ...intent, kind: 'intent' }), printEntry({ ...USUAL, intent: 2 * i + 2 })]).flat();
  const entries = [created, ...pairs];
  for (let at = 0; at < entries.length; at += 1000) await store.append(entries.slice(at, at + 1000));
  return async (record) => {
    const start = process.hrtime.bigint();
    const verdict = await verifyLedger(await storedLedger(store), { logId: store.logId, publicKeys: undefined, witnesses: [], held: [], epochKey });
    record(VERIFY.name, LOCKFAST, (verdict.entries / Number(process.hrtime.bigint() - start)) * 1e9);
    if (!verdict.ok || verdict.entries !== entries.length) throw new Error(`the ledger of the benchmark does not verify: ${JSON.stringify(verdict)}`);
  };
}

/** About 400 bytes. */
function usualEntry(i: number): Buffer {
  return printEntry({ ...USUAL, time: new Date().toISOString(), object: `/srv/tenants/wip.example.com/${i}/.env.encrypted`, intent: i + 1 });
}
