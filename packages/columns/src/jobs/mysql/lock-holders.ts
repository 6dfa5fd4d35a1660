/** Who may hold the locks that a job waited for in vain. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';

/** Of several, those that have begun the longest ago. */
const MOST_NAMES = 3;

/**
 * The same failure, with the transactions that have locked rows and not yet ended: of the whole server, since it says only where a
 * lock is waited for. A user without the privilege PROCESS gets none.
 *
 * @param own the server's numbers of the job's connections
 */
export async function namingHolders(ask: Ask, failure: LockfastError, own: readonly number[]): Promise<LockfastError> {
  const { rows } = await ask(
    `SELECT x.trx_mysql_thread_id, p.user, p.command
       FROM information_schema.innodb_trx x JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id
      WHERE x.trx_rows_locked + x.trx_tables_locked > 0 AND x.trx_mysql_thread_id NOT IN (${own.length === 0 ? '0' : own.join(', ')}) ORDER BY x.trx_started LIMIT ${MOST_NAMES}`,
  );
  if (rows.length === 0) return failure;
  const holders = rows.map(([id, user, command]) => `connection ${String(id)} of the server (${String(user)}, ${String(command).toLowerCase()})`);
  return new LockfastError(failure.code, `${failure.message}; in a transaction: ${holders.join('; ')}`, failure.hint, failure.cause);
}
