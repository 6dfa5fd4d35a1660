/** A MariaDB server for one test file, and tables of its own for each test. */
import { afterAll, beforeAll } from 'vitest';

import { missingForMariadb } from '@lockfast/testkit';

import type { ColumnTable, ColumnTarget, RowChange, StoredRow } from '../../../src/jobs/database.ts';
import type { TestDatabase } from '../../databases/database-under-test.ts';
import { MARIADB } from '../../databases/mariadb.ts';
import { aTarget, everyRow } from '../postgres/a-database.ts';

export const missing = missingForMariadb();

/** Call it once in a test file. */
export function withMariadb(): void {
  beforeAll(async () => {
    if (missing === undefined) await MARIADB.start();
  }, 60_000);
  afterAll(async () => {
    if (missing === undefined) await MARIADB.stop();
  }, 30_000);
}

export function aMariadb(setUp: string): TestDatabase {
  return MARIADB.aDatabase(setUp);
}

export async function tableOf(database: TestDatabase, target: Partial<ColumnTarget> = {}): Promise<ColumnTable> {
  return await (await database.open()).table(aTarget(target));
}

export async function rowsOf(table: ColumnTable): Promise<readonly StoredRow[]> {
  return await everyRow(table, 100);
}

/** Each value with a mark after it. */
export async function marked(table: ColumnTable): Promise<readonly RowChange[]> {
  return (await rowsOf(table)).map((row) => ({ row, value: `${String(row.value)}!` }));
}
