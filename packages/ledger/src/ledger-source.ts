/** A ledger to read from its first entry to its last: a store, or a bundle that one was exported to. */
import type { LedgerStore, StoredCheckpoint, StoredEntry } from './stores/store.ts';

export interface LedgerSource {
  readonly logId: string;
  /** Raw; of all who signed, as the source itself says. */
  readonly publicKeys: readonly Buffer[];
  readonly checkpoints: readonly StoredCheckpoint[];
  /** In order. Can be read once. */
  readonly pages: AsyncIterable<readonly StoredEntry[]>;
}

/** Every checkpoint of it is of entries that are there, even while others append. @throws LockfastError as the store's methods */
export async function storedLedger(store: LedgerStore): Promise<LedgerSource> {
  const checkpoints = await store.checkpoints();
  // After the checkpoints: the key that made the newest one is among them.
  const publicKeys = (await store.signers()).map(({ publicKey }) => publicKey);
  return { logId: store.logId, publicKeys, checkpoints, pages: pagesOf(store) };
}

/** All entries from number `first` on, page by page, in order. @throws LockfastError as the store's `read` */
export async function* pagesOf(store: LedgerStore, first = 1): AsyncGenerator<readonly StoredEntry[]> {
  for (let from = first; ; ) {
    const page = await store.read(from, Number.MAX_SAFE_INTEGER);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    // A number that was tampered with must not send us back.
    from = Math.max(from, last.seq) + 1;
  }
}
