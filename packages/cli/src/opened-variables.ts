/** The variables of the files that a command is about, as the dialect reads them. */
import { isUtf8 } from 'node:buffer';

import { isPortableName, MOST_FILE_BYTES, openEnvFile, plaintextOf } from '@lockfast/core/env';
import { readEnvLate } from '@lockfast/core/env/dialects/late';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import type { Arguments } from './arguments.ts';
import type { Session } from './session.ts';
import type { Workspace } from './workspace.ts';

/**
 * Of the files of --file, else of the tenant's layers: the later one wins. null is a name without a value.
 *
 * @param reaches whether a program is to find that name in its environment: then it is told of names that may get lost there
 */
export async function openedVariables(args: Arguments, workspace: Workspace, session: Session, reaches: (name: string) => boolean): Promise<Map<string, string | null>> {
  const files = args.list('file').length > 0 ? args.list('file') : workspace.layers(args.text('tenant'));
  const values = new Map<string, string | null>();
  for (const file of files) {
    for (const [name, value] of await readStrictly(file, args, workspace)) {
      if (!isPortableName(name) && reaches(name)) session.terminal.warn(`${file}: ${JSON.stringify(name)} reaches the program, but systemd and shells such as dash drop such a name`);
      values.set(name, value);
    }
  }
  return values;
}

/** Every line must be one that the dialect reads: a program that starts with half of its configuration is worse than none. */
async function readStrictly(file: string, args: Arguments, workspace: Workspace): Promise<ReadonlyMap<string, string | null>> {
  const dialect = workspace.dialect(args);
  const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
  const plaintext = plaintextOf(await workspace.decrypting(file, args.text('tenant'), (scope) => openEnvFile(bytes, scope, file)));
  if (!isUtf8(plaintext)) {
    throw new LockfastError('unreadable-env', `${file}: the plaintext is not UTF-8, and an environment can't carry its bytes exactly`, 'encode the value, for example in base64');
  }
  const { variables, problems } = await readEnvLate(plaintext, dialect);
  const [problem] = problems;
  if (problem !== undefined) {
    throw new LockfastError('unreadable-env', `${file}: line ${problem.line}: ${problem.reason}, as ${dialect} reads it`, 'mend it with `lockfast env edit`, or name another --dialect');
  }
  return variables;
}
