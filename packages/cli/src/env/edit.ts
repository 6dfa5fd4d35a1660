import { spawn } from 'node:child_process';
import { basename } from 'node:path';

import { ENCRYPTED_SUFFIX, encryptEnvFile, type OpenedEnvFile, openEnvFile, plaintextOf, replaceFile, splitEntries, type WriteScope } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile, shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import { childEnvironment } from '../child/environment.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { createMemoryFile, type MemoryFile } from './memory-file.ts';

const WIPED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const file = args.operands[0] ?? workspace.usualEncryptedFile(args.text('tenant'));
  const tenant = args.text('tenant');
  const editor = session.environment['VISUAL'] || session.environment['EDITOR'];
  if (editor === undefined || editor === '') throw new LockfastError('tool-missing', 'neither VISUAL nor EDITOR is set', 'set EDITOR to the editor that you like, for example EDITOR=nano');
  const { bytes, identity } = readRegularFile(file, 'refuse');
  const opened = await workspace.decrypting(file, tenant, (scope) => openEnvFile(bytes, scope, file));
  const environment = childEnvironment(session.environment, new Map(), { override: false, allowUnsafe: false, strip: await workspace.secretVariables() });
  const before = plaintextOf(opened);
  const memory = createMemoryFile(basename(file, ENCRYPTED_SUFFIX), before, session.environment['XDG_RUNTIME_DIR']);
  const stopped = wipeOnSignals(memory);
  try {
    for (;;) {
      const status = await edit(editor, memory.path, environment);
      if (status !== 0) throw new LockfastError('tool-failed', 'the editor ended with a failure', 'nothing was changed: edit again and save');
      if (identityOf(memory.path) === undefined) throw new LockfastError('tool-failed', 'the editor removed the file', 'nothing was changed: edit again and save');
      const after = readRegularFile(memory.path, 'refuse').bytes;
      if (after.equals(before)) {
        session.terminal.line(`${shownPath(file)}: nothing changed`);
        return 0;
      }
      try {
        const { header } = await workspace.encrypting(file, tenant, (scope) => replaceFile(file, encrypted(after, opened, scope), identity, scope));
        session.terminal.line(`${shownPath(file)}: revision ${header.revision}`);
        return 0;
      } catch (error) {
        if (!(error instanceof LockfastError) || !session.terminal.interactive) throw error;
        // What was typed must not be lost to a full disk or a stray root key: back to the editor.
        session.terminal.note(`${error.message}: ${error.hint}`);
        const { askHidden } = await import('../prompt.ts');
        await askHidden('not saved; Enter edits again, Ctrl-C gives the changes up');
      }
    }
  } finally {
    memory.wipe();
    stopped();
  }
}

function encrypted(after: Buffer, previous: OpenedEnvFile, scope: WriteScope): Buffer {
  if (after.length === 0) throw new LockfastError('empty-file', 'the edited file is empty', 'to give up all variables, remove the encrypted file itself');
  return encryptEnvFile({ entries: splitEntries(after), previous }, scope);
}

/**
 * Through a shell, as git does: EDITOR may be `code --wait`. The file's name is an argument, never part of the script.
 * Ctrl-C reaches the shell, too: with a trap it lives on to tell how the editor ended.
 */
function edit(editor: string, path: string, env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `trap : INT; ${editor} "$@"`, editor, path], { env, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? 1));
  });
}

/** Ctrl-C belongs to the editor; what ends us must first wipe. */
function wipeOnSignals(memory: MemoryFile): () => void {
  const wipeAndEnd = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT') return;
    memory.wipe();
    for (const name of WIPED_SIGNALS) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  };
  for (const name of WIPED_SIGNALS) process.on(name, wipeAndEnd);
  return () => {
    for (const name of WIPED_SIGNALS) process.removeListener(name, wipeAndEnd);
  };
}
