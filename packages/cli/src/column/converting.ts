/** What `column encrypt`, `rotate` and `decrypt` have in common: the plan, the job over each column, its report, what is next. */
import { type Census, censusColumn, type ColumnDatabase, type ConversionReport, convertColumn, type FenceStanding, fencesOf, refuseFenced, type ReportedRow, type WaitingFor } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent, AuditSink } from '@lockfast/core/ports';

import type { Arguments } from '../arguments.ts';
import type { Role } from '../configuration.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { Progress } from '../progress.ts';
import { reasonOf } from '../reason.ts';
import { sameCommand } from '../same-command.ts';
import type { Session } from '../session.ts';
import { counted, grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import { printCounts, printKeys, printTitle, rowName } from './conversion-report.ts';
import { type Direction, WORDS } from './conversion-words.ts';
import { closeDeadJobs } from './dead-jobs.ts';
import type { ConfiguredColumn } from './declared.ts';
import { isOutdated, refuseInTheWay } from './fenced.ts';
import { foreignOption } from './foreign-option.ts';
import { Interruption } from './interruption.ts';
import { type NamedKey, otherKeys, presentKey } from './key-names.ts';
import { numberOption } from './number-option.ts';
import { ReasonedSink } from './reasoned-sink.ts';
import { remediesFor } from './remedies.ts';

const USUAL_BATCH = 1000;
const MOST_BATCH = 100_000;
const MOST_RATE = 100_000_000;

const WAITING: Readonly<Record<WaitingFor, string>> = { 'replication-lag': ', waits for a replica', 'lock-waits': ', waits for those who want its locks' };

export interface ColumnConversion {
  readonly direction: Direction;
  readonly role: Role;
  /** Asks whether it is meant, and throws if it is not. Not asked of a dry run. @param rows that are about to change, by the census */
  readonly sure: (columns: readonly ConfiguredColumn[], rows: number) => void;
  /** What to do now that it is done. */
  readonly next: (converted: readonly Converted[], ring: KeyRing) => readonly string[];
}

/** A column before its job. */
interface Planned {
  readonly column: ConfiguredColumn;
  readonly census: Census;
  readonly present: NamedKey;
  readonly others: readonly NamedKey[];
  readonly fences: readonly FenceStanding[];
}

/** A column after its job. */
interface Converted extends Planned {
  readonly kind: ColumnDatabase['kind'];
  readonly report: ConversionReport;
}

export async function convertColumns(args: Arguments, session: Session, conversion: ColumnConversion): Promise<number> {
  const { direction } = conversion;
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const batch = numberOption(args, session, 'batch', MOST_BATCH) ?? USUAL_BATCH;
  const maxRate = numberOption(args, session, 'max-rate', MOST_RATE);
  const columns = chosenColumns(args, session, workspace.configuration);
  const event: AuditEvent = { operation: `column-${direction}`, object: columns.map(({ id }) => id).join(' '), environment: workspace.configuration.environment, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, conversion.role, event);
  const dryRun = args.flag('dry-run');
  const foreignOf = foreignOption(args, session, workspace.surroundings);
  const sink = await workspace.audit();
  const ring = await failuresOnRecord(workspace, event, () => workspace.ring());
  await using access = new ColumnAccess(workspace, ring, session, foreignOf);
  const planned = await failuresOnRecord(workspace, event, () => planAll(columns, direction, access, ring));
  for (const one of planned) session.terminal.note(announcement(direction, dryRun, one, foreignOf !== undefined, await access.database(one.column)));
  const rows = planned.reduce((sum, one) => sum + concerned(direction, one, foreignOf !== undefined), 0);
  if (!dryRun && rows > 0) conversion.sure(columns, rows);
  using interruption = new Interruption(() => session.terminal.note('stops after the running batch; ^C again stops at once'));
  const what = { direction, dryRun, batch, maxRate, audit: sink === undefined ? undefined : new ReasonedSink(sink, { reason, environment: event.environment }) };
  const converted = await convertAll(planned, what, access, interruption, workspace, args, session);
  await workspace.signIfDue(ring);
  return conclude(converted, planned.length, interruption.status, conversion, ring, args, session);
}

async function planAll(columns: readonly ConfiguredColumn[], direction: Direction, access: ColumnAccess, ring: KeyRing): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const column of columns) {
    const fernetKeys = await access.fernetKeys(column);
    const database = await access.database(column);
    const fences = await fencesOf(database, column, ring);
    if (direction === 'decrypt') refuseFenced(column, fences);
    refuseInTheWay(column, fences);
    const census = await censusColumn(database, column, ring);
    planned.push({ column, census, fences, present: presentKey(column, ring, fernetKeys), others: otherKeys(column, ring, fernetKeys, Object.keys(census.keys), census.fernet > 0) });
  }
  return planned;
}

/**
 * By how the values begin: near enough to say what is about to happen. Who counts exactly is the job.
 *
 * @param foreign whether what looks like plaintext may be another library's
 */
function concerned(direction: Direction, { column, census, present }: Planned, foreign: boolean): number {
  const { rows, null: empty, plaintext, fernet, keys } = census;
  if (direction === 'encrypt') return plaintext;
  if (direction === 'decrypt') return rows - empty - plaintext;
  // Nor does a look say which value is under a tenant's own key.
  const others = Object.entries(keys).filter(([id]) => column.format === 'fernet' || column.tenant !== undefined || id !== present.name);
  // Which key a token is under, its look does not say.
  return others.reduce((sum, [, count]) => sum + count, 0) + fernet + (foreign ? plaintext : 0);
}

/** `encrypts 2 of 5 rows of tenants.gemini_api_key, in postgres://127.0.0.1/app, under the key kq2d5x`. */
function announcement(direction: Direction, dryRun: boolean, planned: Planned, foreign: boolean, { place }: { readonly place: string }): string {
  const { column, census, present, others } = planned;
  const under = direction === 'decrypt' ? 'to plaintext' : `under the key ${present.name}`;
  const mayBe = direction === 'rotate' && (foreign || column.tenant !== undefined || (others.length > 0 && census.fernet > 0)) ? 'up to ' : '';
  return `${dryRun ? 'would ' : ''}${direction}${dryRun ? '' : 's'} ${mayBe}${grouped(concerned(direction, planned, foreign))} of ${counted(census.rows, 'row')} of ${column.id}, in ${place}, ${under}`;
}

interface Job {
  readonly direction: Direction;
  readonly dryRun: boolean;
  readonly batch: number;
  readonly maxRate: number | undefined;
  readonly audit: AuditSink | undefined;
}

async function convertAll(planned: readonly Planned[], { maxRate, audit, ...job }: Job, access: ColumnAccess, interruption: Interruption, workspace: Workspace, args: Arguments, session: Session): Promise<Converted[]> {
  const { terminal } = session;
  const { direction, dryRun } = job;
  const shows = !args.flag('json');
  const verbose = shows && args.flag('verbose');
  const converted: Converted[] = [];
  let keys = '';
  for (const one of planned) {
    if (interruption.signal.aborted) break;
    const { column, others, present } = one;
    // Columns mostly share their keys: they are named once.
    if (shows && direction === 'rotate' && JSON.stringify([others, present]) !== keys) {
      keys = JSON.stringify([others, present]);
      printKeys(others, present, session);
    }
    if (shows) printTitle(direction, dryRun, column, session);
    const progress = new Progress(terminal, 'rows', 'timed');
    let named = 0;
    const database = await access.database(column);
    const report = await convertColumn(database, column, await access.values(column), {
      ...job,
      ...(maxRate === undefined ? {} : { maxRate }),
      ...(audit === undefined ? {} : { audit }),
      signal: interruption.signal,
      onProgress: ({ rows, estimated, waitingFor }) => {
        if (!verbose) progress.show(rows, Math.max(rows, estimated), waitingFor === undefined ? '' : WAITING[waitingFor]);
      },
      ...(verbose
        ? {
            onRow: (row) => {
              // The next pass meets it again.
              if (row.what === 'conflict') return;
              named += 1;
              terminal.line(`  ${recordLine(direction, dryRun, row, terminal)}`);
            },
          }
        : {}),
    }).finally(() => progress.end());
    // To read the whole ledger takes its time, and a job that was killed mostly leaves its checkpoint.
    if (report.resumed) await closeDeadJobs(column, workspace);
    if (named > 0) terminal.line();
    if (shows) printCounts(direction, dryRun, report, one.census.rows, verbose, session);
    if (shows) terminal.line();
    converted.push({ ...one, kind: database.kind, report });
  }
  return converted;
}

function recordLine(direction: Direction, dryRun: boolean, row: ReportedRow, terminal: Session['terminal']): string {
  const name = rowName(row);
  if (row.what === 'unreadable') return `${terminal.red('✗')} Not readable for ${name}: ${row.code!}`;
  return dryRun ? `${WORDS[direction].would} for ${name}` : `${terminal.green('✓')} ${WORDS[direction].done} for ${name}`;
}

/** What is left over, what to do next, and the exit status. */
function conclude(converted: readonly Converted[], asked: number, interrupted: number | undefined, { direction, next }: ColumnConversion, ring: KeyRing, args: Arguments, session: Session): number {
  const { terminal } = session;
  const dryRun = args.flag('dry-run');
  const failure = findingsOf(direction, converted, dryRun || interrupted !== undefined);
  const outdated = converted.filter(({ fences }) => fences.some(isOutdated)).map(({ column }) => column.id);
  const steps = dryRun || interrupted !== undefined ? [] : [...(outdated.length === 0 ? [] : [`A key was finished since the fence was put up: lockfast column fence ${outdated.join(' ')}`]), ...next(converted, ring)];
  const again = sameCommand(args, session);
  if (args.flag('json')) {
    const columns = converted.map(({ column, present, others, report: { ms, ...report } }) => ({ id: column.id, title: column.title, key: present, otherKeys: others, ...report, ms: Math.round(ms) }));
    terminal.json({ dryRun, interrupted: interrupted !== undefined, columns, next: interrupted === undefined ? steps : [again], ...failureJson(failure) });
  } else if (failure === undefined && interrupted === undefined && !dryRun) {
    const what = direction === 'rotate' && converted.some(({ report }) => report.plaintext > 0) ? 'All encrypted values' : 'All values';
    terminal.line(`${terminal.green('✓')} ${what} of ${counted(converted.length, 'column')} are ${WORDS[direction].all}`);
    for (const step of steps) terminal.line(step);
  } else if (dryRun) terminal.line('Nothing was changed');
  if (interrupted !== undefined) {
    const open = asked - converted.length;
    terminal.note(`stopped before the end${open > 0 ? `, ${counted(open, 'column')} not begun` : ''}: what was converted stays so; the same command goes on: ${again}`);
  }
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return interrupted ?? (failure === undefined ? 0 : EXIT_STATUS[failure.code]);
}

/** @param unfinished whether rows may remain: it was a dry run, or stopped */
function findingsOf(direction: Direction, converted: readonly Converted[], unfinished: boolean): LockfastError | undefined {
  const unreadable = converted.filter(({ report }) => report.unreadable.count + report.verified.unreadable > 0);
  const remaining = unfinished ? [] : converted.filter(({ report }) => report.remaining > 0);
  if (unreadable.length > 0) {
    const [ids, rows] = [unreadable.map(({ column }) => column.id), unreadable.reduce((sum, { report }) => sum + Math.max(report.unreadable.count, report.verified.unreadable), 0)];
    const left = `and ${rows === 1 ? 'was' : 'were'} left as ${rows === 1 ? 'it is' : 'they are'}`;
    const remedies = remediesFor(direction, unreadable.map(({ report }) => report));
    if (remedies !== undefined) return new LockfastError('column-findings', `${counted(rows, 'row')} of ${ids.join(', ')} can not be ${WORDS[direction].done.toLowerCase()}, ${left}`, remedies.join('; '));
    return new LockfastError('column-findings', `${counted(rows, 'row')} of ${ids.join(', ')} ${rows === 1 ? 'does' : 'do'} not open, ${left}`, `see which, and what would open them: lockfast column triage ${ids.join(' ')}`);
  }
  if (remaining.length > 0) {
    const ids = remaining.map(({ column }) => column.id);
    return new LockfastError('column-findings', `${counted(remaining.reduce((sum, { report }) => sum + report.remaining, 0), 'row')} of ${ids.join(', ')} remain: somebody still writes them as before`, `give every program the new key ring and settings, then run this again; lockfast column triage ${ids.join(' ')} lists them`);
  }
  return undefined;
}
