/** Kysely on each database, as applications make it. */
import { createRequire } from 'node:module';

import { type Dialect, MysqlDialect, PostgresDialect, type SqliteDatabase, SqliteDialect } from 'kysely';
import { createPool } from 'mysql2';
import { Pool } from 'pg';

import type { DatabasePlace } from '../contract/harness.ts';

// It has no types.
const BetterSqlite = createRequire(import.meta.url)('better-sqlite3') as new (path: string) => SqliteDatabase;

export function dialectFor({ kind, url }: DatabasePlace): Dialect {
  const dialects = {
    postgres: () => new PostgresDialect({ pool: new Pool({ connectionString: url }) }),
    mariadb: () => new MysqlDialect({ pool: createPool({ uri: url }) }),
    sqlite: () => new SqliteDialect({ database: new BetterSqlite(url) }),
  };
  return dialects[kind]();
}
