import { resolve } from 'node:path';

import { clearUnrecoverable } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { grouped } from '../progress.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import { Interruption } from './interruption.ts';
import { ReasonedSink } from './reasoned-sink.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal, directory } = session;
  const dryRun = args.flag('dry-run');
  const keep = args.text('keep');
  if (!args.flag('unrecoverable')) throw new LockfastError('usage', 'column clear: --unrecoverable is missing', 'it empties the rows whose values nothing opens, and only those; if that is meant, give it');
  if (keep === undefined && !dryRun) throw new LockfastError('usage', 'column clear: --keep is missing', 'name a new file for the ciphertext: a key may turn up again');
  const file = resolve(directory, keep ?? '');
  if (keep !== undefined && identityOf(file) !== undefined) throw new LockfastError('exists', `${shownPath(file)} exists already, and was left alone`, 'name another file with --keep');
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const column = chosenColumns(args, session, workspace.configuration)[0]!;
  const event = { operation: 'column-clear', object: column.id, environment: workspace.configuration.environment, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, 'admin', event);
  const sink = await workspace.audit();
  const ring = await failuresOnRecord(workspace, event, () => workspace.ring());
  await using access = new ColumnAccess(workspace, ring);
  const [database, values] = await failuresOnRecord(workspace, event, async () => [await access.database(column), await access.values(column)] as const);
  if (!dryRun) confirmByName(args, session, `empty the rows of ${column.id} in ${database.place} whose values nothing opens`, column.id);
  using interruption = new Interruption(() => terminal.note('stops after the running batch; ^C again stops at once'));
  const audit = sink === undefined ? {} : { audit: new ReasonedSink(sink, { reason, environment: event.environment }) };
  const report = await clearUnrecoverable(database, column, values, { keepAside: file, dryRun, ...audit, signal: interruption.signal });
  await workspace.signIfDue(ring);
  if (args.flag('json')) terminal.json({ id: column.id, dryRun, interrupted: interruption.status !== undefined, kept: dryRun ? null : file, ...report });
  else terminal.line(dryRun ? `${grouped(report.rows)} rows would be emptied; nothing was changed` : `${grouped(report.cleared)} rows emptied; their ciphertext is in ${shownPath(file)}`);
  return interruption.status ?? 0;
}
