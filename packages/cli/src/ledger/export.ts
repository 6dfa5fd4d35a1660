import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath, streamDurably } from '@lockfast/core/files';
import { exportBundle, type LedgerStore } from '@lockfast/ledger';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { csvHead, csvRow } from './csv.ts';
import { countedEntries, entriesOf } from './rows.ts';
import { openStore } from './store.ts';

const EXPORT_MODE = 0o600;

type Write = (store: LedgerStore) => AsyncIterable<string>;

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
  const write = FORMATS[args.text('format') ?? 'bundle']!;
  const workspace = new Workspace(args, session);
  const store = await openStore(workspace);
  try {
    if (out === '-') {
      for await (const part of write(store)) session.terminal.raw(part);
      return 0;
    }
    const path = resolve(session.directory, out);
    // Before: what others append from here on may be in the file, or not.
    const { size } = await store.head();
    await streamDurably(workspace.stateDirectory, { path, parts: write(store), mode: EXPORT_MODE });
    session.terminal.note(`wrote ${countedEntries(size)} to ${shownPath(path)}`);
    return 0;
  } finally {
    await store.close();
  }
}
