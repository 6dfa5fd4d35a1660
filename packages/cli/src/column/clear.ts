import { resolve } from 'node:path';

import { type ClearReport, clearUnrecoverable } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import { siblings } from './declared.ts';
import { Interruption } from './interruption.ts';
import { ReasonedSink } from './reasoned-sink.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal, directory } = session;
  const dryRun = args.flag('dry-run');
  const keep = args.text('keep');
  if (args.flag('unrecoverable') === args.flag('shredded')) {
    throw new LockfastError('usage', 'column clear: it takes --unrecoverable or --shredded, one of the two', 'the one empties the rows whose values nothing opens, the other those of tenants whose keys were destroyed; give what is meant');
  }
  const which = args.flag('shredded') ? 'shredded' : 'unrecoverable';
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
  await using access = new ColumnAccess(workspace, ring, session);
  const [database, readable] = await failuresOnRecord(workspace, event, async () => [await access.database(column), await access.readable(siblings(column, workspace.configuration))] as const);
  if (!dryRun) confirmByName(args, session, which === 'shredded' ? `empty every row of ${column.id} whose tenant's key was destroyed` : `empty every row of ${column.id} that nothing opens`, column.id);
  using interruption = new Interruption(() => terminal.note('stops after the running batch; ^C again stops at once'));
  const audit = sink === undefined ? {} : { audit: new ReasonedSink(sink, { reason, environment: event.environment }) };
  const report = await clearUnrecoverable(database, column, readable, { which, keepAside: file, stateDirectory: workspace.stateDirectory, dryRun, ...audit, signal: interruption.signal });
  await workspace.signIfDue(ring);
  show(report, column.id, args, session);
  return interruption.status ?? 0;
}

function show({ keptAside, ...report }: ClearReport, id: string, args: Arguments, { terminal }: Session): void {
  const dryRun = args.flag('dry-run');
  if (args.flag('json')) {
    terminal.json({ id, dryRun, which: args.flag('shredded') ? 'shredded' : 'unrecoverable', ...report, ms: Math.round(report.ms), keptAside: keptAside ?? null });
    return;
  }
  const { rows, unrecoverable, shredded, cleared, conflicts, recoverable, unsure, interrupted } = report;
  terminal.line(`  Total: ${grouped(rows)}`);
  terminal.line(`  ${dryRun ? 'To be emptied' : 'Emptied'}: ${grouped(dryRun ? (args.flag('shredded') ? shredded : unrecoverable) : cleared)}`);
  if (conflicts > 0) terminal.line(`  Written by others meanwhile, and left: ${grouped(conflicts)}`);
  if (args.flag('shredded') && unrecoverable > 0) terminal.line(`  Left, since nothing opens them, and not on purpose: ${grouped(unrecoverable)}`);
  if (!args.flag('shredded') && shredded > 0) terminal.line(`  Left, of tenants whose keys were destroyed (--shredded empties them): ${grouped(shredded)}`);
  if (recoverable > 0) terminal.line(`  Left, since something opens them: ${grouped(recoverable)}`);
  if (unsure > 0) terminal.line(`  Left, since not everything was tried: ${grouped(unsure)}`);
  if (keptAside !== undefined) terminal.line(`Their ciphertext is in ${shownPath(keptAside)}`);
  if (dryRun) terminal.line('Nothing was changed');
  if (interrupted) terminal.note('stopped before the end: run it again with another --keep');
}
