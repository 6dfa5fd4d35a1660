/**
 * systemd starts what opens a tenant's variables as root, whoever owns configuration, key ring and ledger. With their own
 * account's rights they are read and written, so that nothing of them comes to belong to root.
 */
import { LockfastError } from '@lockfast/core/errors';
import { accountOf } from '@lockfast/fleet';

import type { Session } from '../session.ts';

/** `@types/node` has forgotten it. */
interface InGroups {
  initgroups(user: string, group: number): void;
}

/**
 * Does `action` with the rights of that account, and in its home, if this is root; afterwards root is root again.
 *
 * @param user what `--as` said; undefined for whoever runs this
 * @throws LockfastError `usage` for an account that there is not; what `action` throws
 */
export async function asKeeper<T>(user: string | undefined, session: Session, action: (session: Session) => Promise<T>): Promise<T> {
  if (user === undefined) return action(session);
  const account = accountOf(user);
  if (account === undefined) throw new LockfastError('usage', `${session.command}: the account that --as names does not exist`, 'install the unit again: lockfast tenant install');
  // The unit's own account gives HOME its value, and may be another one.
  const own: Session = { ...session, home: account.home, environment: { ...session.environment, HOME: account.home, XDG_STATE_HOME: undefined } };
  if (process.geteuid?.() === account.uid) return action(own);
  if (process.geteuid?.() !== 0) throw new LockfastError('permission-denied', `${session.command}: --as takes root`, 'leave it out');
  const groups = process.getgroups!();
  (process as unknown as InGroups).initgroups(account.name, account.gid);
  process.setegid!(account.gid);
  process.seteuid!(account.uid);
  try {
    return await action(own);
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
    process.setgroups!(groups);
  }
}
