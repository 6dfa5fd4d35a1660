/** A database file of its own for each test. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { memoryDirectory } from '@lockfast/testkit';
import { onTestFinished } from 'vitest';

import type { ColumnDatabase, ColumnTable, ColumnTarget } from '../../../src/jobs/database.ts';
import { openSqliteColumns } from '../../../src/jobs/sqlite/index.ts';
import { aTarget } from '../postgres/a-database.ts';

export interface Scratch {
  readonly directory: string;
  readonly path: string;
  /** The application's connection. */
  readonly application: DatabaseSync;
  /** Rows as `a|b` lines. */
  sql(text: string): string;
  open(): Promise<ColumnDatabase>;
  table(target: Partial<ColumnTarget>): Promise<ColumnTable>;
}

export const JOURNALS = ['WAL', 'DELETE'] as const;

/** @param setUp SQL */
export function aDatabase(setUp: string, journal: (typeof JOURNALS)[number] = 'WAL'): Scratch {
  const directory = memoryDirectory('lockfast-sqlite-');
  const path = join(directory, 'app.db');
  const application = new DatabaseSync(path, { timeout: 5000, enableDoubleQuotedStringLiterals: false });
  application.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = OFF; ${setUp}`);
  onTestFinished(() => {
    if (application.isOpen) application.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const open = async (): Promise<ColumnDatabase> => {
    const database = await openSqliteColumns(path);
    onTestFinished(async () => await database.close());
    return database;
  };
  return {
    directory,
    path,
    application,
    sql: (text) => {
      if (!/^\s*(?:SELECT|PRAGMA)/i.test(text)) {
        application.exec(text);
        return '';
      }
      const statement = application.prepare(text);
      statement.setReadBigInts(true);
      return statement
        .all()
        .map((row) => Object.values(row).map((value) => (value === null ? '' : value instanceof Uint8Array ? `x'${Buffer.from(value).toString('hex')}'` : String(value))).join('|'))
        .join('\n');
    },
    open,
    table: async (target) => await (await open()).table(aTarget(target)),
  };
}
