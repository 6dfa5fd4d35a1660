import { LockfastError } from '@lockfast/core/errors';
import { identityOf } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { createLedger } from '../ledger-place.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { configuredLedger, ledgerFile } from './store.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const reason = args.text('reason')?.trim();
  const workspace = new Workspace(args, session);
  const path = ledgerFile(configuredLedger(workspace));
  if (path === undefined) throw new LockfastError('usage', 'ledger create: it makes a ledger in a file; one on PostgreSQL is made by its administrator', 'see docs/guides/ledger.md for the SQL');
  if (identityOf(path) !== undefined) throw new LockfastError('exists', `the ledger ${path} exists already`, 'see what is in it with `lockfast ledger list`');
  await requireRole(workspace, session, 'admin', { operation: 'ledger-create', object: path, reason });
  const store = await createLedger(path, workspace.stateDirectory);
  await store.close();
  const ledger = (await workspace.ledger())!;
  try {
    await ledger.record({ operation: 'ledger-create', object: ledger.store.logId, environment: workspace.configuration.environment, reason, outcome: 'success' });
    session.terminal.line(`made the ledger ${path}`);
    return 0;
  } finally {
    await ledger.close();
  }
}
