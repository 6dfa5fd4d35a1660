import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';

/** A whole number from 1 to `most` that an option gives; undefined without it. @throws LockfastError `usage` */
export function numberOption(args: Arguments, { command }: Session, option: string, most: number, hint = 'write it in digits'): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw new LockfastError('usage', `${command}: --${option} is no number from 1 to ${most}`, hint);
  return number;
}
