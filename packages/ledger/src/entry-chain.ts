/** What must hold of each entry by itself and by those before it: number, form, chain, MAC. `docs/formats/ledger.md`. */
import { chainHash, chainMac, EPOCH_ENTRIES, epochOf, FIRST_CHAIN, leafHash, nextEpochKey } from './chain.ts';
import { isWholeEntry } from './entry-members.ts';
import { type LedgerEntry, parseEntry } from './entry.ts';
import { GrowingTree } from './merkle-tree.ts';
import type { EpochKey, StoredEntry } from './stores/store.ts';

/** The number of the first entry of an epoch. */
export function firstOfEpoch(epoch: number): number {
  return epoch * EPOCH_ENTRIES + 1;
}

/** A ledger that is read again, entry by entry. It keeps as much for a million of them as for one. */
export class EntryChain {
  readonly #logId: string;
  readonly #tree = new GrowingTree();
  #chain: Buffer = FIRST_CHAIN;
  #hasMacs: boolean | undefined;
  #epochKey: EpochKey | undefined;

  /** @param epochKey from a backup: MACs from its epoch on are checked */
  constructor(logId: string, epochKey: EpochKey | undefined) {
    this.#logId = logId;
    this.#epochKey = epochKey;
  }

  /** How many entries were taken. */
  get size(): number {
    return this.#tree.size;
  }

  /** RFC 6962 root of these. */
  root(): Buffer {
    return this.#tree.root();
  }

  /** @returns the next entry; or what is wrong with it, as a clause, and then it was not taken */
  take({ seq: stored, entry: bytes, chain, mac }: StoredEntry): LedgerEntry | string {
    const seq = this.size + 1;
    if (stored !== seq) return `entry ${seq} is missing: ${stored} stands in its place`;
    const leaf = leafHash(bytes);
    const expected = chainHash(this.#logId, seq, this.#chain, leaf);
    if (!expected.equals(chain)) return 'it was changed, removed or put elsewhere: the chain does not fit';
    const problem = this.#macProblem(seq, expected, mac);
    if (problem !== undefined) return problem;
    const entry = parsed(bytes);
    if (entry === undefined) return 'its bytes are no entry in canonical form';
    if (!isWholeEntry(entry)) return 'it lacks a member, or one is not what it must be';
    if (seq === 1 && !this.#isBeginning(entry)) return 'it is not the first entry of this ledger';
    this.#hasMacs = mac !== undefined;
    this.#chain = expected;
    this.#tree.add(leaf);
    return entry;
  }

  /** All entries have a MAC or none has: one without would be one that needs no key. */
  #macProblem(seq: number, chain: Buffer, mac: Buffer | undefined): string | undefined {
    if ((this.#hasMacs ?? mac !== undefined) !== (mac !== undefined)) return this.#hasMacs === true ? 'it has no MAC, and those before it have' : 'it has a MAC, and those before it have none';
    if (mac !== undefined && mac.length !== chain.length) return 'its MAC has not the length of one';
    const known = this.#epochKey;
    if (known === undefined || seq < firstOfEpoch(known.epoch)) return undefined;
    if (mac === undefined) return 'it has no MAC, and the backup has a key for it';
    let { key } = known;
    for (let { epoch } = known; epoch < epochOf(seq); epoch++) key = nextEpochKey(key);
    this.#epochKey = { epoch: epochOf(seq), key };
    return chainMac(key, chain).equals(mac) ? undefined : 'its MAC does not fit: it was written, or changed, without the key of its epoch';
  }

  #isBeginning({ kind, operation, object }: LedgerEntry): boolean {
    return kind === 'event' && operation === 'ledger-created' && object === this.#logId;
  }
}

function parsed(bytes: Buffer): LedgerEntry | undefined {
  try {
    return parseEntry(bytes);
  } catch {
    return undefined;
  }
}
