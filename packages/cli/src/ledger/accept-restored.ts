import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { configuredLedger } from './store.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const reason = args.text('reason')?.trim();
  if (reason === undefined || reason === '') throw new LockfastError('usage', 'ledger accept-restored: it needs --reason TEXT', 'say which backup was restored, and why');
  const workspace = new Workspace(args, session);
  configuredLedger(workspace);
  await requireRole(workspace, session, 'admin', { operation: 'ledger-restored', object: configuredLedger(workspace), reason });
  const ledger = (await workspace.ledger())!;
  try {
    await ledger.acceptRestored(reason);
    const { size } = await ledger.store.head();
    session.terminal.line(`the ledger goes on with ${size} entries; it has another origin now: tell it to each witness over HTTP, see \`lockfast ledger witness list\``);
    return 0;
  } finally {
    await ledger.close();
  }
}
