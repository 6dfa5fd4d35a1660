import { resolve } from 'node:path';

import { type EnvScope, type OpenedEnvFile, readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { recordedRevisions } from './recorded-revisions.ts';

interface Verdict {
  readonly file: string;
  readonly ok: boolean;
  readonly revision?: number;
  /** A higher revision that the ledger has of this file. */
  readonly recorded?: number;
  readonly key?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly hint: string };
}

/** Verifies each file in memory; the worst outcome gives the exit status. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const files = args.operands.length > 0 ? args.operands : [workspace.usualEncryptedFile(args.text('tenant'))];
  const least = minimumRevision(args.text('min-revision'));
  const verdicts: Verdict[] = [];
  let status = 0;
  let recorded: ReadonlyMap<string, number> | undefined;
  for (const file of files) {
    try {
      const { header } = await workspace.decrypting(file, args.text('tenant'), (scope) => verified(file, scope, least), { operation: 'verify' });
      recorded ??= await onRecord(workspace, args);
      const highest = recorded.get(resolve(session.directory, file)) ?? 0;
      const isOlder = header.revision < highest;
      verdicts.push({ file, ok: true, revision: header.revision, ...(isOlder ? { recorded: highest } : {}), key: header.key });
      if (isOlder) session.terminal.warn(`${file} has revision ${header.revision}, and the ledger has ${highest}: an older file was put back, or another branch is checked out. To refuse it: lockfast env verify --min-revision ${highest}`);
      if (!args.flag('json')) session.terminal.line(`${shownPath(file)}: ${session.terminal.green('good')}, revision ${header.revision}, key ${header.key}`);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      // When the key ring does not open, that is the one thing to say; the first file has put it on record.
      if (!error.code.startsWith('ledger-')) await workspace.ring();
      const { code, message, hint } = error;
      status = Math.max(status, EXIT_STATUS[code]);
      verdicts.push({ file, ok: false, error: { code, message, hint } });
      session.terminal.note(`${message.includes(file) ? message : `${file}: ${message}`}: ${hint}`);
    }
  }
  if (args.flag('json')) session.terminal.json({ ok: status === 0, files: verdicts, ...(verdicts.length === 1 && verdicts[0]!.error ? { error: verdicts[0]!.error } : {}) });
  return status;
}

/** Nothing where there is no ledger, or it is gone on without. */
async function onRecord(workspace: Workspace, args: Arguments): Promise<ReadonlyMap<string, number>> {
  const ledger = args.flag('break-glass') ? undefined : await workspace.ledger();
  return ledger === undefined ? new Map() : await recordedRevisions(ledger.store);
}

function verified(file: string, scope: EnvScope, least: number): OpenedEnvFile {
  const opened = readEnvFile(file, scope);
  const { header } = opened;
  if (header.revision < least) {
    throw new LockfastError('older-revision', `${file} has revision ${header.revision}, below ${least}`, 'an older file was put back: restore the newer one');
  }
  return opened;
}

function minimumRevision(text: string | undefined): number {
  if (text === undefined) return 0;
  if (!/^[0-9]{1,15}$/.test(text)) throw new LockfastError('usage', 'env verify: --min-revision takes a whole number', 'see the revision with: lockfast env verify');
  return Number(text);
}
