/** How the transactions of a job begin. All is set for one transaction alone: a pooler hands the connection on to others. */
import { literal } from './sql-text.ts';

/** For both: what `::text` makes of a key must be read back as the same key. */
const PLAIN_TEXTS: Settings = { DateStyle: 'ISO, YMD', TimeZone: 'UTC', IntervalStyle: 'postgres', extra_float_digits: '1', bytea_output: 'hex' };
/** A table whose rows this role does not all see is refused by the server, not read in part. */
const EVERY_ROW: Settings = { row_security: 'off' };
/** A page is 1000 rows in the order of an index; statistics that lag behind make the planner think of sorting the table. */
const BY_INDEX: Settings = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_sort: 'off', jit: 'off' };
/** Each row of a batch is looked up by its key, in their order: whoever locks in that order never waits in a circle. */
const ROW_BY_ROW: Settings = { enable_seqscan: 'off', enable_bitmapscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off' };

export type Settings = Readonly<Record<string, string>>;

/** How long a batch may wait for the rows that others hold, and a page for a table that is being migrated. */
const LOCK_MS = 2_000;
export const WRITE_MS = 30_000;

/** It may take as long as it takes, but must not wait for others without saying so. */
const READING: Settings = { statement_timeout: '0', lock_timeout: String(LOCK_MS) };

/** A page. What it reads is bounded, and all of it is read as it is at one moment: no row may be left out between two statements. */
export function startOfPage(own: Settings): string {
  return start('REPEATABLE READ READ ONLY', [BY_INDEX, READING, own, PLAIN_TEXTS, EVERY_ROW]);
}

/** A look at the whole table. */
export function startOfSurvey(own: Settings): string {
  return `${start('READ COMMITTED READ ONLY', [READING, own, PLAIN_TEXTS, EVERY_ROW])}; ${watchClient('10s', true)}`;
}

/**
 * A batch: rows that were changed since are seen as they are now, which READ COMMITTED means. Not READ WRITE: where an
 * administrator made `default_transaction_read_only` the default, nothing is to be written now.
 */
export function startOfWrite(own: Settings): string {
  const limits: Settings = { lock_timeout: String(LOCK_MS), statement_timeout: String(WRITE_MS), idle_in_transaction_session_timeout: String(WRITE_MS) };
  const durable = "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local')";
  return `${start('READ COMMITTED', [ROW_BY_ROW, limits, own, PLAIN_TEXTS, EVERY_ROW])}; ${durable}`;
}

/** A part of a search. None takes long: VACUUM keeps what it might still see. */
export function startOfSearch(): string {
  return start('READ COMMITTED READ ONLY', [{ statement_timeout: '60000', lock_timeout: String(LOCK_MS), bytea_output: 'hex', jit: 'off' }, EVERY_ROW]);
}

/** A change of a table's constraints, which needs all of the table for a moment: so long at most it may wait, and others behind it. */
export function startOfAlteration(): string {
  return start('READ COMMITTED', [{ lock_timeout: '500', statement_timeout: String(WRITE_MS), idle_in_transaction_session_timeout: String(WRITE_MS) }]);
}

/** A constraint looks at every row, for as long as that takes. What it waits for is another one who alters the table, or a VACUUM, which gives way. */
export function startOfProof(): string {
  return `${start('READ COMMITTED', [{ statement_timeout: '0', lock_timeout: '10000' }, EVERY_ROW])}; ${watchClient('10s', true)}`;
}

/** A server stops what it does for a client that is gone. Since PostgreSQL 14; systems other than Linux may refuse it. */
export function watchClient(every: string, inTransaction: boolean): string {
  return `SELECT set_config(name, ${literal(every)}, ${inTransaction}) FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval' AND version() ~ 'linux'`;
}

/** Later ones count. One statement for all of them: every batch begins so. */
function start(mode: 'REPEATABLE READ READ ONLY' | 'READ COMMITTED READ ONLY' | 'READ COMMITTED', settings: readonly Settings[]): string {
  const calls = Object.entries(Object.assign({}, ...settings) as Settings).map(([name, value]) => `set_config(${literal(name)}, ${literal(value)}, true)`);
  return `BEGIN ISOLATION LEVEL ${mode}; SELECT ${calls.join(', ')}`;
}
