import { unsetVariable, updateEnvFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf } from '@lockfast/core/files';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const file = args.text('file') ?? workspace.usualEncryptedFile(args.text('tenant'));
  if (identityOf(file) === undefined) throw new LockfastError('not-found', `${file} does not exist`, 'name it with --file');
  const { revision } = await workspace.encrypting(file, args.text('tenant'), (scope) => updateEnvFile(file, scope, (entries) => unsetVariable(entries, name)), { variable: name });
  session.terminal.line(`${file}: ${name} removed, revision ${revision}`);
  return 0;
}
