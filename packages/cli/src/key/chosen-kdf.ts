import { LockfastError } from '@lockfast/core/errors';
import { type KdfChoice, parseKdf } from '@lockfast/core/keyring';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';

/** What `--kdf` says, if anything. @throws LockfastError `usage` */
export function chosenKdf(args: Arguments, { command }: Session): KdfChoice | undefined {
  const text = args.text('kdf');
  try {
    return text === undefined ? undefined : parseKdf(text);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError('usage', `${command}: ${error.message}`, `leave --kdf out, or see: lockfast ${command} --help`);
  }
}
