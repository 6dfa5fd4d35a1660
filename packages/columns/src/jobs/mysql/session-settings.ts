/** How the connections of a job are set, and how its transactions begin. */
import { identifier, literal } from './sql-text.ts';

export type Settings = Readonly<Record<string, string>>;

/** How long a batch may wait for the rows that others hold, and a page for a table that is being migrated. In seconds. */
const LOCK_S = 2;
export const WRITE_MS = 30_000;

/** Whatever the server, the account or the driver begin with: the same keys in the same order, and an error for what does not fit. */
const SAME_TEXTS: Settings = {
  sql_mode: "'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
  time_zone: "'+00:00'",
  sql_select_limit: '18446744073709551615',
  sql_safe_updates: '0',
  autocommit: '1',
  lock_wait_timeout: String(LOCK_S),
  innodb_lock_wait_timeout: String(LOCK_S),
};

/** A limit of the server's on what a statement may cost would make it read whole tables. MariaDB has no such. */
const MYSQL: Settings = { range_optimizer_max_mem_size: '0', information_schema_stats_expiry: '0' };

/** What it may take, if it is the job that was lost: MySQL knows limits for statements that read alone. */
const MARIADB_WRITING: Settings = { max_statement_time: String(WRITE_MS / 1000), idle_write_transaction_timeout: String(WRITE_MS / 1000) };

/** For the connection that reads: what it reads is read as it is at one moment, and takes as long as it takes. */
export function reading(mariadb: boolean): readonly string[] {
  const settings = mariadb ? { ...SAME_TEXTS, max_statement_time: '0' } : { ...SAME_TEXTS, ...MYSQL, max_execution_time: '0' };
  return [assignment(settings), 'SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ'];
}

/** For the connection that writes: rows that were changed since are seen as they are now, and gaps between them are not locked. */
export function writing(mariadb: boolean): readonly string[] {
  const settings = mariadb ? { ...SAME_TEXTS, ...MARIADB_WRITING } : { ...SAME_TEXTS, ...MYSQL, max_execution_time: '0' };
  return [assignment(settings), 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED'];
}

/** A page, or a look at the whole table. @param own variables for triggers and views */
export function startOfLook(own: Settings): readonly string[] {
  return [...variables(own), 'START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY'];
}

/** A batch. Not READ WRITE: where an administrator made transactions read-only, nothing is to be written now. */
export function startOfWrite(own: Settings): readonly string[] {
  return [...variables(own), 'START TRANSACTION'];
}

function assignment(settings: Settings): string {
  return `SET ${Object.entries(settings).map(([name, value]) => `SESSION ${name} = ${value}`).join(', ')}`;
}

/** Settings of an application are user variables here: `@\`app.rotation\``. */
function variables(own: Settings): readonly string[] {
  const all = Object.entries(own);
  return all.length === 0 ? [] : [`SET ${all.map(([name, value]) => `@${identifier(name)} = ${literal(value)}`).join(', ')}`];
}
