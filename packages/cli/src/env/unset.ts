import { isVariableName, unsetVariable, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, shownPath } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { variableOperand } from './variable-operand.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const name = variableOperand(args);
  // It goes on record: what is no name may be anything.
  if (!isVariableName(name)) throw new LockfastError('invalid-name', 'env unset: that is no name of a variable', 'see `lockfast env list` for the names that are set');
  const workspace = new Workspace(args, session);
  const file = args.text('file') ?? workspace.usualEncryptedFile(args.text('tenant'));
  if (identityOf(file) === undefined) throw new LockfastError('not-found', `${file} does not exist`, 'name it with --file');
  const { revision } = await workspace.encrypting(file, args.text('tenant'), (scope) => updateEnvFile(file, scope, (entries) => unsetVariable(entries, name)), { variable: name });
  session.terminal.line(`${shownPath(file)}: ${name} removed, revision ${revision}`);
  return 0;
}
