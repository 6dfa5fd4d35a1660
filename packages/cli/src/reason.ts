import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from './arguments.ts';

const MOST_CHARACTERS = 1000;

/** What `--reason` says, if anything. @throws LockfastError `usage` */
export function reasonOf(args: Arguments): string | undefined {
  const reason = args.text('reason')?.trim();
  if (reason !== undefined && (reason === '' || reason.length > MOST_CHARACTERS)) {
    throw new LockfastError('usage', `--reason is ${reason === '' ? 'empty' : `longer than ${MOST_CHARACTERS} characters`}`, 'say in a line or two why');
  }
  return reason;
}

/** @throws LockfastError `usage` when there is none */
export function requiredReason(args: Arguments, command: string): string {
  const reason = reasonOf(args);
  if (reason === undefined) throw new LockfastError('usage', `${command}: it needs --reason TEXT`, 'say what happened: whoever reads the ledger wants to know');
  return reason;
}
