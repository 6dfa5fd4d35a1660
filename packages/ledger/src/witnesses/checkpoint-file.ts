/** A checkpoint as a file of a directory or of a git branch. */
import { LockfastError } from '@lockfast/core/errors';

import type { Checkpoint } from '../checkpoint-text.ts';
import { parseCheckpoint } from '../checkpoint.ts';

/** Larger is no checkpoint, with however many cosignatures. */
export const MOST_NOTE_BYTES = 64 * 1024;

/** One name for each origin, and never a path. */
export function checkpointFile(origin: string): string {
  return `${encodeURIComponent(origin)}.checkpoint`;
}

/** What a witness holds. Its signature is not looked at: who may change the witness may also take it away. @throws LockfastError `witness-failed` */
export function heldCheckpoint(note: string, name: string): Checkpoint {
  try {
    return parseCheckpoint(note);
  } catch (error) {
    throw new LockfastError('witness-failed', `${name} holds something that is no checkpoint`, 'restore its file from a copy, or move it away and find out who changed it', error);
  }
}

/** A failure of the place that a witness is in. What is the ledger's own stays as it is. */
export function witnessFailure(error: unknown, name: string): unknown {
  if (!(error instanceof LockfastError) || error.code === 'ledger-tampered' || error.code === 'ledger-unavailable' || error.code === 'witness-failed') return error;
  return new LockfastError('witness-failed', `${name}: ${error.message}`, error.hint, error);
}

/** How many entries a note that a witness holds is about. @throws LockfastError `witness-failed` */
export function checkpointSize(note: string, name: string): number {
  return heldCheckpoint(note, name).size;
}
