import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { readVariables } from './reading.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const [name] = args.operands as [string];
  const workspace = new Workspace(args, session);
  const file = args.text('file') ?? workspace.usualEncryptedFile(args.text('tenant'));
  const value = (await readVariables(file, args, workspace, session)).variables.get(name);
  if (value === undefined || value === null) {
    throw new LockfastError('no-such-variable', `${file} gives no value to that name`, 'see `lockfast env list` for the names that it sets');
  }
  if (args.flag('json')) session.terminal.json({ name, value });
  else session.terminal.raw(process.stdout.isTTY === true ? `${value}\n` : value);
  return 0;
}
