import { LockfastError } from '../../errors.ts';
import type { Target } from './dialect.ts';

/** A runtime reads nothing of a file. */
export class EnvRefusal extends LockfastError {
  /** From 1; undefined where it is about the file as a whole. */
  readonly line: number | undefined;
  /** A clause without content of the file. */
  readonly reason: string;

  constructor(reader: Target, reason: string, line: number | undefined) {
    const where = line === undefined ? 'the file' : `line ${line}`;
    super('unreadable-env', `${reader} would refuse the file: ${where} has ${reason}`, `correct ${where}, or read the file with another dialect`);
    this.line = line;
    this.reason = reason;
  }
}

/** The error for a file of which a runtime reads nothing. The reason is a clause without content of the file. */
export function refusal(reader: Target, reason: string, line?: number): EnvRefusal {
  return new EnvRefusal(reader, reason, line);
}

/** An environment holds two megabytes on Linux; a file of more than this is not one, and reading it would only take memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/** @throws LockfastError `unreadable-env` */
export function refuseTooLarge(bytes: Uint8Array, reader: Target): void {
  if (bytes.length > MAX_BYTES) throw refusal(reader, 'more than 16 MiB');
}
