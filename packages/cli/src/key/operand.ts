import { LockfastError } from '@lockfast/core/errors';
import { isKeyId } from '@lockfast/core/formats';

import type { Arguments } from '../arguments.ts';

/** The key id that the command is about. What is none goes no further: it might be a secret, and the ledger keeps what it gets. @throws LockfastError `no-such-key` */
export function keyOperand(args: Arguments): string {
  const [id] = args.operands as [string];
  if (!isKeyId(id)) throw new LockfastError('no-such-key', 'a key id has six characters, such as kq2d5x', 'see `lockfast key list`');
  return id;
}
