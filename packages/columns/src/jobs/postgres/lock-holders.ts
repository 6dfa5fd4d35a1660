/** Who holds the locks that a job waited for in vain. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import type { FoundTable } from './table-name.ts';

/** Of several, those that have held theirs the longest. */
const MOST_NAMES = 3;

/**
 * The same failure, with the sessions that have changed or locked rows of the table, or all of it, and not yet committed.
 *
 * @param own the server's processes of the job
 */
export async function namingHolders(ask: Ask, failure: LockfastError, { oid }: FoundTable, own: readonly number[]): Promise<LockfastError> {
  const rows = await ask(
    // What is NULL this role may not see.
    `SELECT a.pid, a.usename::text, nullif(a.application_name, ''), a.state, extract(epoch FROM clock_timestamp() - a.xact_start)::int
       FROM pg_catalog.pg_stat_activity a
      WHERE a.pid <> ALL ($2::int[]) AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'
              AND (l.relation = $1::oid OR l.relation IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::oid))))
      ORDER BY a.xact_start NULLS LAST LIMIT ${MOST_NAMES}`,
    [oid, own],
  );
  if (rows.length === 0) return failure;
  const holders = rows.map((row) => {
    const [process, user, application, state, seconds] = row as readonly [number, string, string | null, string | null, number | null];
    const about = [user, ...(application === null ? [] : [application]), ...(seconds === null ? [] : [`${state} for ${seconds} s`])];
    return `process ${process} of the server (${about.join(', ')})`;
  });
  return new LockfastError(failure.code, `${failure.message}; at the table: ${holders.join('; ')}`, failure.hint, failure.cause);
}
