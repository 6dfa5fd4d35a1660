/** What a witness gets of a ledger. */
import { consistencyProof } from '../merkle-tree.ts';
import type { LedgerStore, StoredCheckpoint } from '../stores/store.ts';
import type { Submission } from './witness.ts';

/** A proof is made of stored subtrees: some tens of reads, however far the witness is behind. @throws LockfastError `ledger-unavailable`, `ledger-tampered` */
export async function submissionOf(store: LedgerStore, { note, origin, size }: StoredCheckpoint): Promise<Submission> {
  return {
    note,
    origin,
    size,
    root: await store.root(size),
    prove: async (old) => await consistencyProof(async (subtree) => await store.subtree(subtree), old, size),
  };
}
