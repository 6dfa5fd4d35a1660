/** A server for one test file, and a database of its own for each test. */
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';

import type { ColumnDatabase, ColumnTable, ColumnTarget, RowKey, StoredRow } from '../../../src/jobs/database.ts';
import { openPostgresColumns } from '../../../src/jobs/postgres/index.ts';

export const missing = missingForPostgres();

export interface Scratch {
  /** Of the role `owner`, which owns the database. */
  readonly url: string;
  urlOf(role: string): string;
  /** As the superuser. */
  sql(text: string): string;
  open(url?: string): Promise<ColumnDatabase>;
  table(target: Partial<ColumnTarget>): Promise<ColumnTable>;
}

let server: PostgresServer;
let databases = 0;

/** Call it once in a test file. */
export function withServer(): void {
  beforeAll(async () => {
    if (missing !== undefined) return;
    server = await startPostgres('fast');
    server.sql('postgres', "CREATE ROLE owner LOGIN; CREATE ROLE app LOGIN; CREATE ROLE guarded LOGIN PASSWORD 'pa''ss-W0rd'");
  }, 60_000);
  afterAll(async () => {
    if (missing === undefined) await server.stop();
  }, 30_000);
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
