import { type EnvScope, type OpenedEnvFile, readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { EXIT_STATUS } from '../exit-status.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

interface Verdict {
  readonly file: string;
  readonly ok: boolean;
  readonly revision?: number;
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
  for (const file of files) {
    try {
      const { header } = await workspace.decrypting(file, args.text('tenant'), (scope) => verified(file, scope, least), { operation: 'verify' });
      verdicts.push({ file, ok: true, revision: header.revision, key: header.key });
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
