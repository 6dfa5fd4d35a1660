import { resolve } from 'node:path';

import { type ContextFilter, exportColumn, type ExportedRow } from '@lockfast/columns/jobs';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, shownPath, streamDurably } from '@lockfast/core/files';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { failureJson } from '../failure-json.ts';
import { warnOfGit } from '../key/warn-of-git.ts';
import { csvLine } from '../ledger/csv.ts';
import { listed } from '../listed.ts';
import { requireRole } from '../permission.ts';
import { requiredReason } from '../reason.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenColumns } from './chosen.ts';
import { ColumnAccess } from './column-access.ts';
import { type ConfiguredColumn, declaredColumns } from './declared.ts';
import { lookOnRecord } from './looking.ts';

const MODE = 0o600;
const MOST_NAMED = 10;
const FILTER = /^([^=]+)=(.*)$/s;
const CSV_HEAD = ['column', 'key', 'label', 'context', 'encrypted', 'since', 'encoding', 'value', 'error'];

/** Whose values are meant, and which columns say whose a row is. */
interface Subject {
  readonly tenant: string | undefined;
  readonly where: readonly ContextFilter[];
  readonly columns: readonly Chosen[];
  /** Ids of columns that do not say it. */
  readonly silent: readonly string[];
}

interface Chosen {
  readonly column: ConfiguredColumn;
  readonly filters: readonly ContextFilter[];
}

/** What was handed out, counted as it leaves. */
interface Counts {
  rows: number;
  shredded: number;
  plaintext: number;
  unreadable: number;
  /** The first rows that could not be read: `users.phone 17: wrong-key`. */
  readonly named: string[];
}

/** Everything that is kept encrypted of one subject, in plain: what a person or customer may ask for. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { terminal, command } = session;
  const reason = requiredReason(args, command);
  const out = args.text('out');
  if (out === '') throw new LockfastError('usage', `${command}: --out names no file`, 'give --out FILE, or leave it out for standard output');
  const path = out === undefined ? undefined : resolve(session.directory, out);
  const format = args.text('format') ?? 'json';
  const workspace = new Workspace(args, session);
  const { environment } = workspace.configuration;
  const subject = subjectOf(args, session, workspace);
  const ids = subject.columns.map(({ column }) => column.id);
  const event = {
    operation: 'column-export',
    object: ids.join(' '),
    environment,
    reason,
    ...(subject.tenant === undefined ? {} : { tenant: subject.tenant }),
    details: { format, out: path ?? 'standard output', ...(subject.where.length === 0 ? {} : { where: subject.where.map(({ name, value }) => `${name}=${value}`).join(' ') }) },
  };
  await requireRole(workspace, session, 'admin', event);
  if (path !== undefined && identityOf(path) !== undefined) throw new LockfastError('exists', `${shownPath(path)} exists already, and was left alone`, 'name another file with --out');
  confirm(args, session, `Hand out the decrypted values of ${shownSubject(subject)} in ${counted(ids.length, 'column')}?`);
  const looked = await lookOnRecord(
    await workspace.audit(),
    event,
    session,
    async (signal) => {
      const ring = await workspace.ring();
      // Last: nobody is asked to approve what can't be done anyway. Whose values they are is part of what is approved.
      await requireApproval(workspace, session, ring, { ...event, details: { ...(subject.tenant === undefined ? {} : { tenant: shownPath(subject.tenant) }), ...event.details } });
      await using access = new ColumnAccess(workspace, ring, session);
      const counts: Counts = { rows: 0, shredded: 0, plaintext: 0, unreadable: 0, named: [] };
      const parts = (format === 'csv' ? csvOf : jsonOf)(subject, environment, access, counts, signal);
      if (path === undefined) for await (const part of parts) terminal.raw(part);
      else await streamDurably(workspace.stateDirectory, { path, parts, mode: MODE });
      return counts;
    },
    ({ rows, shredded, plaintext, unreadable }) => ({ details: { rows, shredded, plaintext, unreadable } }),
  );
  if ('interrupted' in looked) return looked.interrupted;
  await workspace.signIfDue(await workspace.ring());
  report(subject, looked.found, path, session);
  return looked.found.unreadable === 0 ? 0 : 1;
}

/** @throws LockfastError `usage`; as `chosenColumns` */
function subjectOf(args: Arguments, session: Session, { configuration }: Workspace): Subject {
  const { command } = session;
  const tenant = args.text('tenant');
  if (tenant === '') throw new LockfastError('usage', `${command}: --tenant names none`, 'give --tenant NAME');
  const where = args.list('where-context').map((text): ContextFilter => {
    const [, name, value] = FILTER.exec(text) ?? [];
    if (name === undefined) throw new LockfastError('usage', `${command}: --where-context is not NAME=VALUE`, 'name a context column and its value, as in --where-context org_id=7');
    return { name, value: value! };
  });
  if (tenant === undefined && where.length === 0) {
    throw new LockfastError('usage', `${command}: it is not said whose values are meant`, 'give --tenant NAME, or --where-context NAME=VALUE');
  }
  const asked = chosenColumns(args, session, configuration);
  const fits = ({ tenant: of, context }: ConfiguredColumn): boolean => (tenant === undefined || of !== undefined) && where.every(({ name }) => context.includes(name));
  const columns = asked.filter(fits);
  const silent = asked.filter((column) => !fits(column)).map(({ id }) => id);
  if (columns.length === 0 || (args.operands.length > 0 && silent.length > 0)) {
    const known = declaredColumns(configuration).filter(fits);
    throw new LockfastError(
      'usage',
      `${command}: ${listed(silent)} ${silent.length === 1 ? 'does' : 'do'} not say so of a row: ${tenant === undefined ? 'no such context column is declared' : 'no `tenant` is declared, or no such context column'}`,
      known.length === 0 ? 'declare whose rows are: context = ["org_id"] and tenant = "org_id" in [[columns]]' : `name some of: ${listed(known.map(({ id }) => id))}`,
    );
  }
  return { tenant, where, silent, columns: columns.map((column) => ({ column, filters: [...(tenant === undefined ? [] : [{ name: column.tenant!, value: tenant }]), ...where] })) };
}

function shownSubject({ tenant, where }: Subject): string {
  return [...(tenant === undefined ? [] : [`the tenant ${shownPath(tenant)}`]), ...(where.length === 0 ? [] : [`rows with ${listed(where.map(({ name, value }) => `${name}=${value}`))}`])].join(', ');
}

async function* rowsOf({ column, filters }: Chosen, access: ColumnAccess, counts: Counts, signal: AbortSignal): AsyncGenerator<ExportedRow> {
  for await (const row of exportColumn(await access.database(column), column, await access.values(column), filters, signal)) {
    counts.rows++;
    if (row.shredded !== undefined) counts.shredded++;
    else if (row.code !== undefined) {
      counts.unreadable++;
      if (counts.named.length < MOST_NAMED) counts.named.push(`${column.id} ${row.key.join('/')}: ${row.code}`);
    } else if (!row.encrypted && row.value !== null) counts.plaintext++;
    yield row;
  }
}

/**
 * One object, written row by row: `{"subject":...,"columns":[{"id":...,"rows":[...]}],"complete":true}`. What ends before all is told is closed all
 * the same, with `false` and the error, since half of it is on its way: whoever parses it must not take it for the whole.
 */
async function* jsonOf({ tenant, where, columns, silent }: Subject, environment: string, access: ColumnAccess, counts: Counts, signal: AbortSignal): AsyncGenerator<string> {
  const subject = { ...(tenant === undefined ? {} : { tenant }), ...(where.length === 0 ? {} : { context: Object.fromEntries(where.map(({ name, value }) => [name, value])) }) };
  yield `{\n  "subject": ${JSON.stringify(subject)},\n  "environment": ${JSON.stringify(environment)},\n  "exported": ${JSON.stringify(new Date().toISOString())},\n  "notLookedAt": ${JSON.stringify(silent)},\n  "columns": [`;
  let inRows = '';
  try {
    for (const [i, chosen] of columns.entries()) {
      const { id, title, as } = chosen.column;
      yield `${i === 0 ? '' : ','}\n    { "id": ${JSON.stringify(id)}, "title": ${JSON.stringify(title)}, "as": ${JSON.stringify(as)}, "rows": [`;
      inRows = '] }';
      for await (const row of rowsOf(chosen, access, counts, signal)) {
        yield `${inRows === '] }' ? '' : ','}\n      ${JSON.stringify(asJson(row, chosen.column))}`;
        inRows = '\n    ] }';
      }
      yield inRows;
      inRows = '';
    }
  } catch (error) {
    yield `${inRows}\n  ],\n  "complete": false,\n  "error": ${JSON.stringify(endedBy(error, signal))}\n}\n`;
    throw error;
  }
  yield '\n  ],\n  "complete": true\n}\n';
}

/** Why an export ends before its end. */
function endedBy(error: unknown, signal: AbortSignal): { readonly code: string; readonly message?: string; readonly hint?: string } {
  if (signal.aborted) return { code: 'interrupted' };
  return error instanceof LockfastError ? failureJson(error).error! : { code: 'internal' };
}

function asJson({ key, label, context, value, encrypted, created, code, shredded }: ExportedRow, { context: names }: ConfiguredColumn): object {
  return {
    key,
    label,
    context: Object.fromEntries(names.map((name, i) => [name, context[i]])),
    encrypted,
    ...(created === undefined ? {} : { since: new Date(created).toISOString() }),
    ...(Buffer.isBuffer(value) ? { base64: value.toString('base64') } : { value }),
    ...(code === undefined ? {} : { error: code }),
    ...(shredded === undefined ? {} : { shredded }),
  };
}

/** RFC 4180, and safe to open in a spreadsheet. What ends before all is told has a last record that names no column, with `incomplete CODE` as its error. */
async function* csvOf({ columns }: Subject, _environment: string, access: ColumnAccess, counts: Counts, signal: AbortSignal): AsyncGenerator<string> {
  yield csvLine(CSV_HEAD);
  try {
    for (const chosen of columns) for await (const row of rowsOf(chosen, access, counts, signal)) yield asCsv(row, chosen.column);
  } catch (error) {
    yield csvLine([...CSV_HEAD.slice(1).map(() => undefined), `incomplete ${endedBy(error, signal).code}`]);
    throw error;
  }
}

function asCsv({ key, label, context, value, encrypted, created, code, shredded }: ExportedRow, { id, as, context: names }: ConfiguredColumn): string {
  const text = Buffer.isBuffer(value) ? value.toString('base64') : as === 'json' && code === undefined ? JSON.stringify(value) : typeof value === 'string' ? value : undefined;
  const since = created === undefined ? undefined : new Date(created).toISOString();
  const encoding = Buffer.isBuffer(value) ? 'base64' : as === 'json' ? 'json' : 'text';
  return csvLine([id, key.join('/'), label ?? undefined, JSON.stringify(Object.fromEntries(names.map((name, i) => [name, context[i]]))), String(encrypted), since, encoding, text, shredded === undefined ? code : `shredded ${shredded}`]);
}

/** To standard error: standard output may be the values. */
function report({ columns, silent }: Subject, { rows, shredded, plaintext, unreadable, named }: Counts, path: string | undefined, session: Session): void {
  const { terminal } = session;
  const where = path === undefined ? '' : ` to ${shownPath(path)}`;
  terminal.note(`${counted(rows, 'row')} of ${counted(columns.length, 'column')} exported${where}`);
  // Whoever asked would be told that nothing is kept of them.
  if (rows === 0) terminal.warn('no row is of this subject: look whether it is spelt as in the database, capitals and zeros included');
  if (silent.length > 0) terminal.note(`not looked at, since they do not say whose a row is: ${listed(silent)}`);
  if (plaintext > 0) terminal.note(`${counted(plaintext, 'value')} stood there in plaintext`);
  if (shredded > 0) terminal.note(`${counted(shredded, 'row')} can not be read by anybody: the tenant's key was destroyed`);
  if (unreadable > 0) terminal.warn(`${counted(unreadable, 'row')} not readable: ${listed(named)}${unreadable > named.length ? ` and ${unreadable - named.length} more` : ''}; \`lockfast column triage\` says why`);
  if (path !== undefined) warnOfGit(session, path, 'values that are committed are in the hands of whoever clones');
}
