/** The values of all env files of the configuration. */
import { isEncryptedFile, MOST_FILE_BYTES, openEnvFile, plaintextOf } from '@lockfast/core/env';
import { readEnv } from '@lockfast/core/env/dialects';
import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import type { OpenValue } from '@lockfast/guard';

import { configuredEnvFiles } from '../env-files.ts';
import type { Workspace } from '../workspace.ts';

export interface OpenedValues {
  readonly values: readonly OpenValue[];
  /** Files that were not read, and why. */
  readonly missed: readonly { readonly file: string; readonly why: string }[];
}

/**
 * Each value once; those of plaintext env files as well, which are as secret.
 *
 * @throws LockfastError where the key ring does not open, and what says that nothing may be read: `not-permitted`, `ledger-unavailable`
 */
export async function openValues(workspace: Workspace, why: string): Promise<OpenedValues> {
  const { configuration } = workspace;
  const found = new Map<string, OpenValue>();
  const missed: { file: string; why: string }[] = [];
  await workspace.ring();
  for (const file of configuredEnvFiles(configuration, (directory) => missed.push({ file: directory, why: 'it can not be listed' }))) {
    try {
      const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
      if (bytes.length === 0) continue;
      const plaintext = isEncryptedFile(bytes) ? plaintextOf(await workspace.decrypting(file, undefined, (scope) => openEnvFile(bytes, scope, file), { details: { for: why } })) : bytes;
      const tenant = file === configuration.fleet?.extends ? '' : (workspace.tenantOf(file) ?? '');
      for (const [variable, value] of readEnv(plaintext, configuration.dialect).variables) {
        if (value !== null && value !== '' && !configuration.guard.public.includes(variable)) found.set(`${tenant}\0${variable}\0${value}`, { tenant, variable, value });
      }
    } catch (error) {
      if (!(error instanceof LockfastError) || FATAL.has(error.code)) throw error;
      missed.push({ file, why: error.message });
    }
  }
  return { values: [...found.values()], missed };
}

const FATAL: ReadonlySet<ErrorCode> = new Set(['not-permitted', 'ledger-unavailable', 'ledger-missing', 'ledger-tampered', 'ledger-rewound']);
