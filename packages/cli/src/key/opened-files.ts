/** Whether a ring decrypts the files that the configuration is about. */
import { readEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { counted, type Terminal } from '../terminal.ts';
import type { Workspace } from '../workspace.ts';

export interface OpenedFile {
  readonly file: string;
  /** Empty for a file that belongs to no tenant. */
  readonly tenant: string;
  /** Why it did not open: a code and a message. */
  readonly problem?: { readonly code: string; readonly message: string };
}

/** Decrypts each file and keeps nothing of it. */
export function openAll(workspace: Workspace, ring: KeyRing): OpenedFile[] {
  return workspace.encryptedFiles().map((file) => {
    const tenant = workspace.tenantOf(file) ?? '';
    try {
      readEnvFile(file, { ring, tenant }, file);
      return { file, tenant };
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      return { file, tenant, problem: { code: error.code, message: error.message } };
    }
  });
}

export function printOpened(files: readonly OpenedFile[], terminal: Terminal): void {
  const closed = files.filter(({ problem }) => problem !== undefined);
  terminal.line(files.length === 0 ? 'there are no encrypted files here' : `${files.length - closed.length} of ${counted(files.length, 'encrypted file')} open with it`);
  for (const { problem } of closed) terminal.warn(`${problem!.message} (${problem!.code})`);
}
