import { LockfastError } from '@lockfast/core/errors';
import { identityOf } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { forgetLedger, notedLedger } from '../ledger-notes.ts';
import { createLedger, ledgerFile } from '../ledger-place.ts';
import { requireRole } from '../permission.ts';
import { reasonOf, requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { configuredLedger } from './store.ts';

/**
 * The schema is its owner's, and the role that appends can do nothing else: the two are never one. The owner's URL holds a
 * password, so it is no argument.
 */
async function installOnPostgres(args: Arguments, { environment, terminal }: Session): Promise<number> {
  const owner = /^env:(.+)$/.exec(args.text('owner') ?? '')?.[1];
  const role = args.text('role');
  const url = owner === undefined ? undefined : environment[owner];
  if (owner === undefined || url === undefined || url === '' || role === undefined) {
    throw new LockfastError('usage', 'ledger create: on PostgreSQL it needs --owner env:NAME, with the URL of a role that may make a schema in that variable, and --role NAME', 'see: lockfast ledger create --help');
  }
  const { installPostgresLedger } = await import('@lockfast/ledger/stores/postgres');
  await installPostgresLedger(url, { applicationRole: role });
  terminal.line(`made the ledger's schema lockfast_ledger; the role ${role} may append to it, and read`);
  return 0;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const given = reasonOf(args);
  const workspace = new Workspace(args, session);
  const path = ledgerFile(configuredLedger(workspace));
  if (path === undefined) return installOnPostgres(args, session);
  if (identityOf(path) !== undefined) throw new LockfastError('exists', `the ledger ${path} exists already`, 'see what is in it with `lockfast ledger list`');
  // A ledger that is lost takes with it what proves that it was there: the new one says so, and why.
  const former = notedLedger(path, workspace.stateDirectory);
  const reason = former === undefined ? given : requiredReason(args, session.command);
  await requireRole(workspace, session, 'admin', { operation: 'ledger-create', object: path, reason });
  forgetLedger(path, workspace.stateDirectory);
  const store = await createLedger(path, workspace.stateDirectory);
  await store.close();
  const ledger = (await workspace.ledger())!;
  try {
    await ledger.record({ operation: 'ledger-create', object: ledger.store.logId, environment: workspace.configuration.environment, reason, outcome: 'success', ...(former === undefined ? {} : { details: { former } }) });
    session.terminal.line(`made the ledger ${path}`);
    return 0;
  } finally {
    await ledger.close();
  }
}
