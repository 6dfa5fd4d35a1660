/** What others suffer from while a job runs. */
import type { Pressure } from '../database.ts';
import type { Ask } from './connection.ts';
import { isNotAllowed } from './failure.ts';

/**
 * A primary of MySQL knows no replica's lag. Who waits for locks is told to users with the privilege PROCESS alone.
 *
 * @param own the server's numbers of the job's connections
 */
export async function readPressure(ask: Ask, mariadb: boolean, own: readonly number[]): Promise<Pressure> {
  const ids = own.length === 0 ? '0' : own.join(', ');
  const waiters = mariadb
    ? `SELECT COUNT(DISTINCT w.requesting_trx_id) FROM information_schema.innodb_lock_waits w JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id WHERE b.trx_mysql_thread_id IN (${ids})`
    : `SELECT COUNT(DISTINCT w.requesting_thread_id) FROM performance_schema.data_lock_waits w JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id WHERE b.processlist_id IN (${ids})`;
  try {
    const { rows } = await ask(waiters);
    return { replicationLagMs: undefined, lockWaiters: Number(rows[0]?.[0]) };
  } catch (error) {
    if (!isNotAllowed(error)) throw error;
    return { replicationLagMs: undefined, lockWaiters: 0 };
  }
}
