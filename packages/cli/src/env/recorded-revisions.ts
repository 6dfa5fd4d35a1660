import type { LedgerStore } from '@lockfast/ledger';

import { entriesOf } from '../ledger/rows.ts';

/**
 * The highest revision of each encrypted file that the ledger has: of writes, rotations and checks. A
 * file with a lower one was put back: it verifies, since it was right once.
 *
 * @returns by absolute path
 * @throws LockfastError as `entriesOf`
 */
export async function recordedRevisions(store: LedgerStore): Promise<ReadonlyMap<string, number>> {
  const highest = new Map<string, number>();
  for await (const { entry } of entriesOf(store)) {
    const revision = entry.details?.['revision'];
    if (entry.outcome !== 'success' || typeof revision !== 'number') continue;
    // A file that was made anew begins with 1.
    const isNew = revision === 1 && entry.operation === 'encrypt';
    highest.set(entry.object, isNew ? revision : Math.max(revision, highest.get(entry.object) ?? 0));
  }
  return highest;
}
