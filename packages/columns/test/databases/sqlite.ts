import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { memoryDirectory } from '@lockfast/testkit';
import { onTestFinished } from 'vitest';

import { openColumns } from './open-columns.ts';
import type { DatabaseUnderTest, TestDatabase } from './database-under-test.ts';
import { openSession } from './session.ts';

const JOBS = 'lockfast_column_jobs';

export const SQLITE: DatabaseUnderTest = sqlite('SQLite', 'WAL');
/** In which readers and the writer keep each other waiting. */
export const SQLITE_ROLLBACK: DatabaseUnderTest = sqlite('SQLite with a rollback journal', 'DELETE');

function sqlite(name: string, journal: 'WAL' | 'DELETE'): DatabaseUnderTest {
  return {
    name,
    missing: undefined,
    types: { text: 'TEXT', binary: 'BLOB', json: 'JSON' },
    anotherName: 'MAIN."T"',
    server: undefined,
    share: 3,
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    aDatabase: (setUp) => aSqliteDatabase(journal, setUp),
    series: (to) => `(WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < ${to}) SELECT n FROM x) s`,
  };
}

function aSqliteDatabase(journal: string, setUp: string): TestDatabase {
  const directory = memoryDirectory('lockfast-sqlite-');
  const path = join(directory, 'app.db');
  const administrator = new DatabaseSync(path, { timeout: 30_000 });
  administrator.function('md5', { deterministic: true }, (text) => createHash('md5').update(String(text)).digest('hex'));
  administrator.exec(`PRAGMA journal_mode = ${journal}; PRAGMA synchronous = OFF; ${setUp}`);
  onTestFinished(() => {
    administrator.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const sql = (text: string): string => {
    if (!/^\s*(?:SELECT|PRAGMA)/i.test(text)) {
      administrator.exec(text);
      return '';
    }
    return administrator
      .prepare(text)
      .all()
      .map((row) => Object.values(row).join('|'))
      .join('\n');
  };
  const url = `sqlite:${path}`;
  return {
    url,
    sql,
    open: async (of = url) => {
      const database = await openColumns(of);
      onTestFinished(async () => await database.close());
      return database;
    },
    session: async () => {
      const session = await openSession(url);
      onTestFinished(async () => await session.close().catch(() => {}));
      return session;
    },
    rows: (column = 'secret') => administrator.prepare(`SELECT id, org, ${column} FROM t ORDER BY id`).all().map((row) => Object.values(row) as [number, string | null, string | null]),
    cutJobs: () => {
      throw new Error('a file has no connections that could be cut');
    },
    checkpoints: () => (sql(`SELECT count(*) FROM sqlite_schema WHERE name = '${JOBS}'`) === '0' ? 0 : Number(sql(`SELECT count(*) FROM ${JOBS}`))),
    forgetJobs: () => void sql(`DROP TABLE IF EXISTS ${JOBS}`),
  };
}
