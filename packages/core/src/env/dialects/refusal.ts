import { LockfastError } from '../../errors.ts';
import type { Dialect } from './dialect.ts';

/** The error for a file of which a runtime reads nothing. The reason is a clause without content of the file. */
export function refusal(dialect: Dialect, reason: string, line?: number): LockfastError {
  const where = line === undefined ? 'the file' : `line ${line}`;
  return new LockfastError(
    'unreadable-env',
    `${dialect} would refuse the file: ${where} has ${reason}`,
    `correct ${where}, or read the file with another dialect`,
  );
}
