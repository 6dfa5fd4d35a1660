import { blindIndex } from '@lockfast/columns';
import { buildIndex, type IndexReport, refuseUnfit, type ReportedRow, type WaitingFor } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent, AuditSink } from '@lockfast/core/ports';

import type { Arguments } from '../../arguments.ts';
import { EXIT_STATUS } from '../../exit-status.ts';
import { failureJson } from '../../failure-json.ts';
import { failuresOnRecord } from '../../on-record.ts';
import { requireRole } from '../../permission.ts';
import { Progress } from '../../progress.ts';
import { reasonOf } from '../../reason.ts';
import { sameCommand } from '../../same-command.ts';
import { changeRing } from '../../ring-file.ts';
import type { Session } from '../../session.ts';
import { counted, grouped } from '../../terminal.ts';
import { Workspace } from '../../workspace.ts';
import { ColumnAccess } from '../column-access.ts';
import { rowName } from '../conversion-report.ts';
import { closeDeadJobs } from '../dead-jobs.ts';
import { Interruption } from '../interruption.ts';
import { numberOption } from '../number-option.ts';
import { ReasonedSink } from '../reasoned-sink.ts';
import { chosenIndexes } from './chosen-indexes.ts';
import type { ConfiguredIndex } from './declared-indexes.ts';
import { hasKey } from './index-keys.ts';

const USUAL_BATCH = 1000;
const MOST_BATCH = 100_000;
const MOST_RATE = 100_000_000;

const WAITING: Readonly<Record<WaitingFor, string>> = { 'replication-lag': ', waits for a replica', 'lock-waits': ', waits for those who want its locks' };

interface Built {
  readonly index: ConfiguredIndex;
  readonly key: string;
  /** Whether the index had none before. */
  readonly isNew: boolean;
  readonly report: IndexReport;
}

interface Job {
  readonly dryRun: boolean;
  readonly batch: number;
  readonly maxRate: number | undefined;
  readonly audit: AuditSink | undefined;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const batch = numberOption(args, session, 'batch', MOST_BATCH) ?? USUAL_BATCH;
  const maxRate = numberOption(args, session, 'max-rate', MOST_RATE);
  const indexes = chosenIndexes(args, session, workspace.configuration);
  const event: AuditEvent = { operation: 'column-index-build', object: indexes.map(({ id }) => id).join(' '), environment: workspace.configuration.environment, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, 'admin', event);
  const sink = await workspace.audit();
  const ring = await failuresOnRecord(workspace, event, () => workspace.ring());
  await using access = new ColumnAccess(workspace, ring, session);
  await failuresOnRecord(workspace, event, () => refuseAllUnfit(indexes, access));
  using interruption = new Interruption(() => session.terminal.note('stops after the running batch; ^C again stops at once'));
  const job: Job = { dryRun: args.flag('dry-run'), batch, maxRate, audit: sink === undefined ? undefined : new ReasonedSink(sink, { reason, environment: event.environment }) };
  const built: Built[] = [];
  for (const index of indexes) {
    if (interruption.signal.aborted) break;
    built.push(await buildOne(index, job, access, interruption, workspace, args, session));
  }
  await workspace.signIfDue(await workspace.ring());
  return conclude(built, indexes.length, interruption.status, args, session);
}

/** All of them before the first gets a key. */
async function refuseAllUnfit(indexes: readonly ConfiguredIndex[], access: ColumnAccess): Promise<void> {
  for (const index of indexes) await refuseUnfit(await access.database(index.source), index, await access.values(index.source), index.fewValues);
}

async function buildOne(index: ConfiguredIndex, { audit, maxRate, ...job }: Job, access: ColumnAccess, interruption: Interruption, workspace: Workspace, args: Arguments, session: Session): Promise<Built> {
  const { terminal } = session;
  const { dryRun } = job;
  const shows = !args.flag('json');
  const verbose = shows && args.flag('verbose');
  const isNew = !hasKey(await workspace.ring(), index.id);
  const made = blindIndex(isNew ? await ringWithKey(index, dryRun, workspace, args) : await workspace.ring(), index.definition);
  if (shows) terminal.line(`Indexing ${index.source.title} as ${index.id}${dryRun ? ' (dry run)' : `, under the key ${made.currentKey}${isNew ? ', which is new' : ''}`}`);
  const progress = new Progress(terminal, 'rows', 'timed');
  let named = 0;
  const report = await buildIndex(await access.database(index.source), index, made, await access.values(index.source), {
    ...job,
    fewValues: index.fewValues,
    maxRate,
    audit,
    signal: interruption.signal,
    onProgress: ({ rows, estimated, waitingFor }) => {
      if (!verbose) progress.show(rows, Math.max(rows, estimated), waitingFor === undefined ? '' : WAITING[waitingFor]);
    },
    onRow: verbose
      ? (row) => {
          // The next pass meets it again.
          if (row.what === 'conflict') return;
          named += 1;
          terminal.line(`  ${recordLine(dryRun, row, terminal)}`);
        }
      : undefined,
  }).finally(() => progress.end());
  if (report.resumed) await closeDeadJobs(index, workspace);
  if (named > 0) terminal.line();
  if (shows) printCounts(report, dryRun, session);
  return { index, key: made.currentKey, isNew, report };
}

/** In a dry run the key is thrown away. */
async function ringWithKey({ id }: ConfiguredIndex, dryRun: boolean, workspace: Workspace, args: Arguments): Promise<KeyRing> {
  if (dryRun) return (await workspace.ring()).withNewIndexKey(id);
  const reason = reasonOf(args);
  const event = { operation: 'index-key-create', object: id, ...(reason === undefined ? {} : { reason }) };
  return changeRing(workspace, event, (old) => (hasKey(old, id) ? old : old.withNewIndexKey(id)));
}

function recordLine(dryRun: boolean, row: ReportedRow, terminal: Session['terminal']): string {
  const name = rowName(row);
  if (row.what === 'unreadable') return `${terminal.red('✗')} Not readable for ${name}: ${row.code!}`;
  return dryRun ? `Would be indexed for ${name}` : `${terminal.green('✓')} Indexed for ${name}`;
}

function printCounts(report: IndexReport, dryRun: boolean, { terminal }: Session): void {
  const { rows, already, changed, missing, stale, older, conflicts, unreadable, remaining, resumed } = report;
  const unlessNone = (name: string, number: number): void => {
    if (number > 0) terminal.line(`  ${name}: ${grouped(number)}`);
  };
  if (resumed) terminal.line('  Goes on where an earlier run stopped, whose counts are among these');
  terminal.line(`  Total: ${grouped(rows)}`);
  terminal.line(`  Already right: ${grouped(already)}`);
  terminal.line(`  ${dryRun ? 'To be indexed' : 'Newly indexed'}: ${grouped(changed)}`);
  unlessNone('Found without an index', missing);
  unlessNone('Found under the older key', older);
  unlessNone('Found with the index of another value', stale);
  unlessNone('Without a value', report.null);
  unlessNone('Written by others meanwhile, and looked at again', conflicts);
  unlessNone('Not readable, left as they are', unreadable.count);
  for (const row of unreadable.first) terminal.line(`    ${terminal.red('✗')} ${rowName(row)}: ${row.code}`);
  if (unreadable.count > unreadable.first.length) terminal.line(`    and ${grouped(unreadable.count - unreadable.first.length)} more`);
  if (!dryRun) unlessNone('Remaining', remaining);
}

function conclude(built: readonly Built[], asked: number, interrupted: number | undefined, args: Arguments, session: Session): number {
  const { terminal } = session;
  const dryRun = args.flag('dry-run');
  const failure = findingsOf(built, dryRun || interrupted !== undefined);
  const fresh = dryRun ? [] : built.filter(({ isNew }) => isNew).map(({ index }) => index.id);
  const older = dryRun ? [] : built.filter(({ report }) => report.older > 0).map(({ index }) => index.id);
  const next = [
    ...(fresh.length > 0 ? [`bring the key ring to every program; when all of them write the index, once more: lockfast column index build ${fresh.join(' ')}`] : []),
    ...older.map((id) => `when every program has the present key ring: lockfast column index finish ${id}`),
  ];
  const again = sameCommand(args, session);
  if (args.flag('json')) {
    const indexes = built.map(({ index, key, isNew, report: { ms, ...report } }) => ({ id: index.id, of: index.source.id, key: dryRun && isNew ? null : key, newKey: isNew, ...report, ms: Math.round(ms) }));
    terminal.json({ dryRun, interrupted: interrupted !== undefined, indexes, next: interrupted === undefined ? next : [again], ...failureJson(failure) });
  } else if (dryRun) terminal.line('Nothing was changed');
  else if (interrupted === undefined) for (const step of next) terminal.line(`Next: ${step}`);
  if (interrupted !== undefined) {
    const open = asked - built.length;
    terminal.note(`stopped before the end${open > 0 ? `, ${open} of ${asked} indexes not begun` : ''}: what was written stays so; the same command goes on: ${again}`);
  }
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return interrupted ?? (failure === undefined ? 0 : EXIT_STATUS[failure.code]);
}

/** @param unfinished whether rows may remain: it was a dry run, or stopped */
function findingsOf(built: readonly Built[], unfinished: boolean): LockfastError | undefined {
  const unreadable = built.filter(({ report }) => report.unreadable.count > 0);
  if (unreadable.length > 0) {
    const rows = unreadable.reduce((sum, { report }) => sum + report.unreadable.count, 0);
    const columns = [...new Set(unreadable.map(({ index }) => index.source.id))];
    return new LockfastError('column-findings', `${counted(rows, 'value')} of ${columns.join(', ')} ${rows === 1 ? 'was' : 'were'} left with the index that is there, since ${rows === 1 ? 'it does' : 'they do'} not open, or a column of the context is NULL`, `see which: lockfast column triage ${columns.join(' ')}`);
  }
  const remaining = unfinished ? [] : built.filter(({ report }) => report.remaining > 0);
  if (remaining.length === 0) return undefined;
  const ids = remaining.map(({ index }) => index.id);
  return new LockfastError('column-findings', `${counted(remaining.reduce((sum, { report }) => sum + report.remaining, 0), 'row')} of ${ids.join(', ')} remain: somebody still writes values without their index, or under the older key`, `give every program the newest key ring and code, then run this again: lockfast column index build ${ids.join(' ')}`);
}
