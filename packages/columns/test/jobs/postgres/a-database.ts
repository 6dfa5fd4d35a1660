/** A server for one test file, and a database of its own for each test. */
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';

import type { ColumnDatabase, ColumnTable, ColumnTarget, RowKey, StoredRow } from '../../../src/jobs/database.ts';
import { openPostgresColumns } from '../../../src/jobs/postgres/index.ts';
import type { TestDatabase } from '../../databases/database-under-test.ts';
import { openSession } from '../../databases/session.ts';

export const missing = missingForPostgres();

/** Its URL is of the role `owner`, which owns the database; its SQL is the superuser's. */
export interface Scratch extends TestDatabase {
  urlOf(role: string): string;
  table(target: Partial<ColumnTarget>): Promise<ColumnTable>;
}

let server: PostgresServer;
let databases = 0;

/** Call it once in a test file. */
export function withServer(): void {
  beforeAll(async () => {
    if (missing === undefined) await startServer();
  }, 60_000);
  afterAll(async () => {
    if (missing === undefined) await stopServer();
  }, 30_000);
}

export async function startServer(): Promise<void> {
  server = await startPostgres('fast');
  server.sql('postgres', "CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; CREATE ROLE guarded LOGIN PASSWORD 'pa''ss-W0rd'");
}

export async function stopServer(): Promise<void> {
  await server.stop();
}

export function theServer(): PostgresServer {
  return server;
}

/** @param setUp SQL as the owner */
export function aDatabase(setUp: string): Scratch {
  const name = `columns_${(databases += 1)}`;
  server.sql('postgres', `CREATE DATABASE ${name} OWNER owner`);
  server.sql(name, 'ALTER SCHEMA public OWNER TO owner');
  server.sql(name, `SET ROLE owner; ${setUp}`);
  const open = async (url = server.url('owner', name)): Promise<ColumnDatabase> => {
    const database = await openPostgresColumns(url);
    onTestFinished(async () => await database.close());
    return database;
  };
  return {
    url: server.url('owner', name),
    urlOf: (role) => server.url(role, name),
    sql: (text) => server.sql(name, text),
    open,
    session: async () => {
      const session = await openSession(server.url('owner', name));
      onTestFinished(async () => await session.close().catch(() => {}));
      return session;
    },
    rows: (column = 'secret') => {
      const lines = server.sql(name, `SELECT json_build_array(id, org, ${column}) FROM t ORDER BY id`);
      return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line) as [number, string | null, string | null]);
    },
    cutJobs: () => void server.sql(name, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockfast' AND datname = current_database()"),
    checkpoints: () => (server.sql(name, "SELECT to_regclass('lockfast.column_jobs') IS NULL") === 't' ? 0 : Number(server.sql(name, 'SELECT count(*) FROM lockfast.column_jobs'))),
    forgetJobs: () => void server.sql(name, 'DROP SCHEMA IF EXISTS lockfast CASCADE'),
    table: async (target) => await (await open()).table(aTarget(target)),
  };
}

export function aTarget(target: Partial<ColumnTarget>): ColumnTarget {
  return { id: 'tests.secret', table: 't', column: 'secret', context: [], ...target };
}

/** Page by page, to the end. */
export async function everyRow(table: ColumnTable, limit: number, notUnder?: string): Promise<readonly StoredRow[]> {
  const all: StoredRow[] = [];
  for (let after: RowKey | null = null; ; after = all.at(-1)!.key) {
    const page = await table.read(after, limit, notUnder);
    if (page.length === 0) return all;
    expect(page.length).toBeLessThanOrEqual(limit);
    all.push(...page);
  }
}

export async function refusalOf(work: Promise<unknown>): Promise<LockfastError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LockfastError);
  return error as LockfastError;
}

export async function expectRefusal(work: Promise<unknown>, code: ErrorCode, message: RegExp, hint: RegExp): Promise<void> {
  const error = await refusalOf(work);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(hint) });
}
