/** What others suffer from while a job runs. */
import type { Pressure } from '../database.ts';
import type { Ask } from './connection.ts';

/** @param processes the server's, of this job's connections */
export async function readPressure(ask: Ask, processes: readonly number[]): Promise<Pressure> {
  const [row] = await ask(
    // A role that may not see replication sees rows without a state; a replica that has all has no lag.
    `SELECT (SELECT CASE WHEN bool_or(state IS NOT NULL) THEN coalesce(extract(epoch FROM max(replay_lag)) * 1000, 0) END::float8 FROM pg_catalog.pg_stat_replication),
            (SELECT count(DISTINCT pid)::int FROM pg_catalog.pg_locks WHERE NOT granted AND locktype <> 'advisory' AND pg_blocking_pids(pid) && $1::int[])`,
    [processes],
  );
  const [lag, waiters] = row as readonly [number | null, number];
  return { replicationLagMs: lag ?? undefined, lockWaiters: waiters };
}
