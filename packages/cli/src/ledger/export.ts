import { resolve } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath, streamDurably } from '@lockfast/core/files';
import { exportBundle, type LedgerStore } from '@lockfast/ledger';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { reasonOf } from '../reason.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { csvHead, csvRow } from './csv.ts';
import { countedEntries, entriesOf } from './rows.ts';
import { openStore } from './store.ts';

const EXPORT_MODE = 0o600;

type Write = (store: LedgerStore) => AsyncGenerator<string>;

const FORMATS: Readonly<Record<string, Write>> = {
  bundle: exportBundle,
  async *jsonl(store) {
    for await (const { seq, entry } of entriesOf(store)) yield `${JSON.stringify({ seq, ...entry })}\n`;
  },
  async *csv(store) {
    yield csvHead();
    for await (const entry of entriesOf(store)) yield csvRow(entry);
  },
};

export async function run(args: Arguments, session: Session): Promise<number> {
  const out = args.text('out');
  if (out === undefined || out === '') throw new LockfastError('usage', 'ledger export: --out is missing', 'give --out FILE, or --out - for standard output');
  const format = args.text('format') ?? 'bundle';
  const path = out === '-' ? undefined : resolve(session.directory, out);
  const workspace = new Workspace(args, session);
  const reason = reasonOf(args);
  const event = { operation: 'ledger-export', object: path ?? 'standard output', environment: workspace.configuration.environment, reason, details: { format } };
  await requireRole(workspace, session, 'auditor', event);
  const store = await openStore(workspace);
  try {
    // What others append from here on may be in the file, or not.
    const { size } = await store.head();
    const parts = FORMATS[format]!(store);
    // A bundle says first how far it goes: the record of this export is behind its end, and leaves nothing open in it.
    const first = await parts.next();
    await audited(await workspace.auditOfReading(), { ...event, details: { format, entries: size } }, () => writeOut(again(first, parts), path, workspace.stateDirectory, session));
    if (path !== undefined) session.terminal.note(`wrote ${countedEntries(size)} to ${shownPath(path)}`);
    return 0;
  } finally {
    await store.close();
  }
}

async function writeOut(parts: AsyncIterable<string>, path: string | undefined, stateDirectory: string, { terminal }: Session): Promise<void> {
  if (path !== undefined) {
    await streamDurably(stateDirectory, { path, parts, mode: EXPORT_MODE });
    return;
  }
  for await (const part of parts) terminal.raw(part);
}

/** A generator whose first part was taken already, whole. */
async function* again(first: IteratorResult<string, unknown>, rest: AsyncIterable<string>): AsyncGenerator<string> {
  if (first.done !== true) yield first.value;
  yield* rest;
}
