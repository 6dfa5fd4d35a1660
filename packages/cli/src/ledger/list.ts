import { setTimeout as pause } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';
import type { AuditEvent } from '@lockfast/core/ports';
import type { LedgerStore } from '@lockfast/ledger';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { rowFilter, rowLimit } from './filter.ts';
import { entriesOf, type LedgerRow, RowMaker } from './rows.ts';
import { openStore } from './store.ts';

const LOOK_EVERY_MS = 500;
const HEAD = ['SEQ', 'TIME', 'OPERATION', 'OUTCOME', 'ACTOR', 'TENANT', 'OBJECT'];
/** Of a table that grows nobody knows the widest cell. */
const FOLLOW_WIDTHS = [6, 19, 16, 11, 12, 16];

export async function run(args: Arguments, session: Session): Promise<number> {
  const limit = rowLimit(args);
  const filter = rowFilter(args, Date.now());
  const workspace = new Workspace(args, session);
  const event = { operation: 'ledger-list', object: workspace.configuration.file, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'auditor', event);
  const store = await openStore(workspace);
  try {
    const maker = new RowMaker();
    const { rows, next } = await read(store, 1, maker, filter, limit);
    await recordLook(workspace, session, event);
    if (args.flag('follow')) return await follow(store, next, maker, filter, rows, args, session);
    const shown = [...rows, ...maker.open().filter(filter)].toSorted((a, b) => a.seq - b.seq).slice(-limit);
    if (args.flag('json')) session.terminal.json({ entries: shown });
    else session.terminal.table(HEAD, shown.map(cells));
    return 0;
  } finally {
    await store.close();
  }
}

/**
 * Who looks is on record, once a command. A ledger that can't be appended to is read all the same: that is when it must be.
 * Behind the reading, so that a look does not show itself.
 */
async function recordLook(workspace: Workspace, { terminal }: Session, event: AuditEvent): Promise<void> {
  try {
    await (await workspace.audit())?.record({ ...event, outcome: 'success' });
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    terminal.warn(`that this was read is not on record: ${error.message}`);
  }
}

/** The newest `limit` rows that the filter lets through, and the number of the entry that comes next. */
async function read(store: LedgerStore, from: number, maker: RowMaker, filter: (row: LedgerRow) => boolean, limit: number): Promise<{ rows: LedgerRow[]; next: number }> {
  let rows: LedgerRow[] = [];
  let next = from;
  for await (const entry of entriesOf(store, from)) {
    const row = maker.add(entry);
    next = entry.seq + 1;
    if (row === undefined || !filter(row)) continue;
    rows.push(row);
    if (rows.length >= 2 * limit) rows = rows.slice(-limit);
  }
  return { rows: rows.slice(-limit), next };
}

/** Intents that are open do not show here: their end does, when it comes. Ends when the process is interrupted. */
async function follow(store: LedgerStore, next: number, maker: RowMaker, filter: (row: LedgerRow) => boolean, first: LedgerRow[], args: Arguments, { terminal }: Session): Promise<number> {
  const print = (row: LedgerRow): void => terminal.line(args.flag('json') ? JSON.stringify(row) : cells(row).map((cell, i) => cell.padEnd(FOLLOW_WIDTHS[i] ?? 0)).join('  ').trimEnd());
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  let rows = first;
  for (let at = next; ; ) {
    for (const row of rows) print(row);
    try {
      await pause(LOOK_EVERY_MS, undefined, { signal: stop.signal });
    } catch {
      return 0;
    }
    ({ rows, next: at } = await read(store, at, maker, filter, Number.POSITIVE_INFINITY));
  }
}

function cells({ seq, time, operation, outcome, actor, tenant = '-', object }: LedgerRow): string[] {
  return [String(seq), time.slice(0, 19).replace('T', ' '), operation, outcome, actor, tenant === '' ? '-' : tenant, object].map(shownPath);
}
