/** What a witness gets of a ledger. */
import { leafHash } from '../chain.ts';
import { consistencyProof, subtreesOver } from '../merkle-tree.ts';
import type { LedgerStore, StoredCheckpoint } from '../stores/store.ts';
import type { Submission } from './witness.ts';

/** @throws LockfastError `ledger-unavailable` */
export async function submissionOf(store: LedgerStore, { note, origin, size }: StoredCheckpoint): Promise<Submission> {
  const leaves: Buffer[] = [];
  return {
    note,
    origin,
    size,
    root: await store.root(size),
    async prove(old) {
      // Read once, and only when a witness asks: the store gives roots of beginnings alone, and a proof is made of others.
      while (leaves.length < size) {
        const page = await store.read(leaves.length + 1, size);
        if (page.length === 0) break;
        leaves.push(...page.map(({ entry }) => leafHash(entry)));
      }
      return consistencyProof(subtreesOver(leaves), old, size);
    },
  };
}
