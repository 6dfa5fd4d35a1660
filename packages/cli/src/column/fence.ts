import { type FenceReport, type FenceViolation, raiseFence, removeFence } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import type { AuditEvent } from '@lockfast/core/ports';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import { failureJson } from '../failure-json.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { counted, grouped } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import { rowName } from './conversion-report.ts';
import { closeDeadJobs } from './dead-jobs.ts';
import type { ConfiguredColumn } from './declared.ts';
import { ReasonedSink } from './reasoned-sink.ts';

interface Fenced {
  readonly column: ConfiguredColumn;
  readonly report: FenceReport;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const remove = args.flag('remove');
  const also = args.text('also') as ConfiguredColumn['format'] | undefined;
  const despiteRows = args.flag('despite-rows');
  if (remove && (also !== undefined || despiteRows)) throw new LockfastError('usage', 'column fence: --remove takes neither --also nor --despite-rows', 'give --remove alone to take fences down, or leave it out to put them up');
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const columns = chosenColumns(args, session, workspace.configuration);
  const event: AuditEvent = { operation: remove ? 'column-unfence' : 'column-fence', object: columns.map(({ id }) => id).join(' '), environment: workspace.configuration.environment, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, 'admin', event);
  const sink = await workspace.audit();
  const ring = await failuresOnRecord(workspace, event, () => workspace.ring());
  await using access = new ColumnAccess(workspace, ring, session);
  await failuresOnRecord(workspace, event, async () => {
    for (const column of columns) await access.database(column);
  });
  const dryRun = args.flag('dry-run');
  const what = { dryRun, ...(sink === undefined ? {} : { audit: new ReasonedSink(sink, { reason, environment: event.environment }) }) };
  if (remove) {
    if (!dryRun) confirm(args, session, `Take down the fences of ${counted(columns.length, 'column')}?`);
    const removed: { readonly id: string; readonly statements: readonly string[] }[] = [];
    for (const column of columns) removed.push({ id: column.id, statements: await removeFence(await access.database(column), column, what) });
    showRemoved(removed, dryRun, args, session);
  }
  if (!remove && !dryRun) confirm(args, session, `Refuse from now on what is plaintext, or under a finished key, in ${counted(columns.length, 'column')}? Programs that still write so will fail.`);
  const fenced: Fenced[] = [];
  for (const column of remove ? [] : columns) {
    const report = await raiseFence(await access.database(column), column, ring, { also, despiteRows, ...what });
    if (!dryRun) await closeDeadJobs(column, workspace);
    fenced.push({ column, report });
    if (!args.flag('json')) show({ column, report }, dryRun, session);
  }
  await workspace.signIfDue(ring);
  if (remove) return 0;
  return conclude(fenced, dryRun, args, session);
}

function showRemoved(removed: readonly { readonly id: string; readonly statements: readonly string[] }[], dryRun: boolean, args: Arguments, { terminal }: Session): void {
  if (args.flag('json')) {
    terminal.json({ dryRun, columns: removed });
    return;
  }
  for (const { id, statements } of removed) {
    if (statements.length === 0) terminal.line(`${id} has no fence`);
    else if (!dryRun) terminal.line(`${terminal.green('✓')} ${id}: the fence is down; plaintext and finished keys get in`);
    else for (const statement of [`-- ${id}`, ...statements.map(ended)]) terminal.line(statement);
  }
  if (dryRun) terminal.note('nothing was changed');
}

function show({ column: { id }, report }: Fenced, dryRun: boolean, { terminal }: Session): void {
  const { done, proven, violations, name, statements } = report;
  if (dryRun) {
    terminal.line(`-- ${id}: ${refusals(report)}`);
    for (const statement of statements) terminal.line(ended(statement));
    if (statements.length === 0) terminal.line('-- it is up already, and all rows pass');
  } else if (proven) {
    const how = { raised: 'up', completed: 'whole again', replaced: 'replaced', kept: 'up', refused: '' }[done];
    terminal.line(`${terminal.green('✓')} ${id}: the fence is ${how}, and every row passes`);
    terminal.line(`  ${name}: ${refusals(report)}`);
  } else if (done === 'refused') terminal.line(`${terminal.red('✗')} ${id}: no fence was put up`);
  else terminal.line(`${terminal.red('✗')} ${id}: the fence is up for what is written from now on; not every row passes`);
  if (violations.rows === 0) return;
  const indent = dryRun ? '-- ' : '';
  terminal.line(`${indent}  ${counted(violations.rows, 'row')} ${violations.rows === 1 ? 'does' : 'do'} not pass: ${violations.counts.map(({ violation, rows }) => `${grouped(rows)} ${shownViolation(violation)}`).join(', ')}`);
  for (const row of violations.first) terminal.line(`${indent}    ${rowName(row)}: ${shownViolation(row.violation)}`);
  if (violations.rows > violations.first.length) terminal.line(`${indent}    and ${grouped(violations.rows - violations.first.length)} more`);
}

function ended(statement: string): string {
  return `${statement};`;
}

/** `lfv1 passes; refused is plaintext, and what is under ab3c4d, kq2d5x`. */
function refusals({ rule: { formats, refusedKeys } }: FenceReport): string {
  const keys = refusedKeys.length === 0 ? '' : `, and what is under ${refusedKeys.join(', ')}`;
  return `${formats.join(' and ')} ${formats.length === 1 ? 'passes' : 'pass'}; refused is plaintext${keys}`;
}

function shownViolation(violation: FenceViolation): string {
  const words = { plaintext: 'plaintext', malformed: 'cut or changed', format: 'in the other format' };
  return violation.kind === 'key' ? `under ${violation.key}` : words[violation.kind];
}

function conclude(fenced: readonly Fenced[], dryRun: boolean, args: Arguments, { terminal }: Session): number {
  const left = fenced.filter(({ report }) => report.violations.rows > 0);
  const steps = stepsFor(left);
  const refused = left.filter(({ report }) => report.done === 'refused').map(({ column }) => column.id);
  const failure =
    left.length === 0
      ? undefined
      : new LockfastError(
          'column-findings',
          `${counted(left.reduce((sum, { report }) => sum + report.violations.rows, 0), 'row')} of ${left.map(({ column }) => column.id).join(', ')} would not pass${refused.length === 0 ? '' : `, and while a fence is up the database refuses every change of such a row${refused.length === left.length ? '' : ` of ${refused.join(', ')}`}`}`,
          `convert them first: ${steps.join('; then ')}`,
        );
  if (args.flag('json')) {
    const columns = fenced.map(({ column: { id, title }, report: { rule, ...report } }) => ({ id, title, formats: rule.formats, refusedKeys: rule.refusedKeys, ...report }));
    terminal.json({ dryRun, columns, next: steps, ...failureJson(failure) });
  } else if (fenced.some(({ report }) => report.rule.formats.includes('fernet'))) {
    terminal.note('a Fernet token does not name its key: a fence can not tell finished Fernet keys from others');
  }
  if (dryRun && !args.flag('json')) terminal.note('nothing was changed');
  if (failure !== undefined) terminal.note(`${failure.message}: ${failure.hint}`);
  return failure === undefined ? 0 : EXIT_STATUS[failure.code];
}

/** The commands that make the rows pass, and this one again. */
function stepsFor(left: readonly Fenced[]): string[] {
  if (left.length === 0) return [];
  const having = (...kinds: readonly FenceViolation['kind'][]): string => left.filter(({ report }) => report.violations.counts.some(({ violation }) => kinds.includes(violation.kind))).map(({ column }) => column.id).join(' ');
  const step = (command: string, ids: string): string[] => (ids === '' ? [] : [`lockfast column ${command} ${ids}`]);
  return [...step('encrypt', having('plaintext')), ...step('rotate', having('key', 'format')), ...step('triage', having('malformed')), ...step('fence', left.map(({ column }) => column.id).join(' '))];
}
