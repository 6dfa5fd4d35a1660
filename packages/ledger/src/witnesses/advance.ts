import { LockfastError } from '@lockfast/core/errors';

import type { Checkpoint } from '../checkpoint-text.ts';
import { verifyConsistency } from '../merkle-tree.ts';
import type { Submission } from './witness.ts';

/**
 * Whether a checkpoint takes the place of the one that a witness holds: only if it is of a longer ledger whose beginning
 * is the one held.
 *
 * @param name the witness, for messages
 * @throws LockfastError `ledger-tampered`, `witness-failed` when what is held is of another origin
 */
export async function advances(held: Checkpoint | undefined, submission: Submission, name: string): Promise<boolean> {
  if (held === undefined) return true;
  if (held.origin !== submission.origin) {
    throw new LockfastError('witness-failed', `${name} holds a checkpoint of another ledger in the place of this one`, 'find out who put it there, and restore it');
  }
  if (held.size > submission.size) return false;
  if (held.size === submission.size) {
    if (!Buffer.from(held.root).equals(submission.root)) throw contradiction(name, held.size);
    return false;
  }
  if (held.size > 0 && !verifyConsistency(held.size, submission.size, held.root, submission.root, await submission.prove(held.size))) throw contradiction(name, held.size);
  return true;
}

export function contradiction(name: string, size: number): LockfastError {
  return new LockfastError(
    'ledger-tampered',
    `the first ${size} entries of the ledger are not those that ${name} witnessed`,
    'someone rewrote the ledger or the witness: keep both as they are, and see docs/guides/ledger.md',
  );
}
