import { LockfastError } from '@lockfast/core/errors';
import { openSqliteLedger } from '@lockfast/ledger';

import type { Arguments } from '../arguments.ts';
import { notedLedger, noteLedger } from '../ledger-notes.ts';
import { ledgerFile } from '../ledger-place.ts';
import { requireRole } from '../permission.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { configuredLedger } from './store.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const reason = requiredReason(args, session.command);
  const workspace = new Workspace(args, session);
  configuredLedger(workspace);
  await requireRole(workspace, session, 'admin', { operation: 'ledger-restored', object: configuredLedger(workspace), reason });
  const former = await takeOver(workspace);
  const ledger = (await workspace.ledger())!;
  try {
    if (former === undefined) await ledger.acceptRestored(reason);
    else await ledger.record({ operation: 'ledger-restored', object: ledger.store.logId, reason, outcome: 'success', details: { former } });
    await sign(workspace, session);
    const { size } = await ledger.store.head();
    session.terminal.line(`the ledger goes on with ${size} entries; ${former === undefined ? 'it has' : `it takes the place of ${former}, and has`} another origin now: tell it to each witness over HTTP, see \`lockfast ledger witness list\``);
    return 0;
  } finally {
    await ledger.close();
  }
}

/** It is accepted either way: a witness that is to hear of the new origin first, and a ring that does not open here, can wait. */
async function sign(workspace: Workspace, { terminal }: Session): Promise<void> {
  try {
    await workspace.signKeyChange(await workspace.ring());
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    terminal.warn(`the ledger was not signed: ${error.message}`);
  }
}

/** Another ledger stands where this machine wrote to one: from now on that is the one. @returns the log id of the former */
async function takeOver(workspace: Workspace): Promise<string | undefined> {
  const path = ledgerFile(configuredLedger(workspace));
  const noted = path === undefined ? undefined : notedLedger(path, workspace.stateDirectory);
  if (path === undefined || noted === undefined) return undefined;
  const store = await openSqliteLedger(path);
  const { logId } = store;
  await store.close();
  if (logId === noted) return undefined;
  await noteLedger(path, logId, workspace.stateDirectory);
  return noted;
}
