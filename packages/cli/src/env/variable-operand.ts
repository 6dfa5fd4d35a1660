import { LockfastError } from '@lockfast/core/errors';
import { holdsRootKey } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';

/** The variable that a command is about. It is shown and goes on record, so no root key that was pasted there. @throws LockfastError `invalid-name` */
export function variableOperand(args: Arguments): string {
  const [name] = args.operands as [string];
  if (holdsRootKey(name)) throw new LockfastError('invalid-name', 'what stands in the place of the variable is a root key', 'name the variable; and replace that root key, others could read it on the command line');
  return name;
}
