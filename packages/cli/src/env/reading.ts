/** What a dialect reads from an env file, encrypted or plain. */
import { isEncryptedFile, MOST_FILE_BYTES, openEnvFile, plaintextOf } from '@lockfast/core/env';
import { type EnvReading, readEnv } from '@lockfast/core/env/dialects';
import { readRegularFile } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

/** The plaintext bytes of a file, whichever of the two it is. @throws LockfastError as `openEnvFile` for an encrypted one */
export async function readEither(file: string, workspace: Workspace, tenant: string | undefined): Promise<Buffer> {
  const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
  if (!isEncryptedFile(bytes) && !file.endsWith('.encrypted')) return bytes;
  return plaintextOf(await workspace.decrypting(file, tenant, (scope) => openEnvFile(bytes, scope, file)));
}

/** Reads variables, and warns of the lines that the dialect does not read. */
export async function readVariables(file: string, args: Arguments, workspace: Workspace, { terminal }: Session): Promise<EnvReading> {
  const dialect = workspace.dialect(args);
  const reading = readEnv(await readEither(file, workspace, args.text('tenant')), dialect);
  for (const { line, reason } of reading.problems) terminal.warn(`${file}: line ${line}: ${reason} (as ${dialect} reads it)`);
  return reading;
}
