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

/** An environment holds two megabytes on Linux; a file of more than this is not one, and reading it would only take memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/** @throws LockfastError `unreadable-env` */
export function refuseTooLarge(bytes: Uint8Array, dialect: Dialect): void {
  if (bytes.length > MAX_BYTES) throw refusal(dialect, 'more than 16 MiB');
}
