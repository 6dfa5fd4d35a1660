/** Where the ledger's entries lie. One contract suite holds for every store. */
import type { KeyObject } from 'node:crypto';

import type { Subtree } from '../merkle-tree.ts';

export interface StoredEntry {
  /** From 1, without a gap. */
  readonly seq: number;
  /** Canonical bytes. */
  readonly entry: Buffer;
  /** Hash chain up to and with this entry. */
  readonly chain: Buffer;
  /** Absent in a store that keeps no MAC key. */
  readonly mac?: Buffer;
}

export interface Head {
  /** How many entries there are. */
  readonly size: number;
  /** Chain hash of the last one; 32 zeros where there is none. */
  readonly chain: Buffer;
}

/** A checkpoint as it was signed. */
export interface StoredCheckpoint {
  readonly size: number;
  readonly origin: string;
  /** The signed note. */
  readonly note: string;
}

/** The key that signs checkpoints: public, and wrapped under the ring key of each ring version that may sign. */
export interface StoredSigner {
  /** Raw 32 bytes. */
  readonly publicKey: Buffer;
  /** As `KeyRing.wrapForLedger` gives it. One more each time the ring gets another own key. */
  readonly wrapped: readonly string[];
}

/** The MAC key of the present epoch. Only who reads the store has it, and it opens no earlier epoch. */
export interface EpochKey {
  readonly epoch: number;
  /** 32 bytes. */
  readonly key: KeyObject;
}

/** Every method but `close` throws `ledger-unavailable` when the store can't do it. Nothing of a failed append is kept. */
export interface LedgerStore {
  /** 16 characters [a-z2-7], drawn when the ledger was made. Entries, chain and checkpoints are bound to it. */
  readonly logId: string;
  /** For messages: a path, or a URL without its password. */
  readonly place: string;

  /**
   * Appends all entries in one durable transaction, safe against any number of other processes that append.
   *
   * @returns the number of the first
   */
  append(entries: readonly Buffer[]): Promise<number>;
  head(): Promise<Head>;
  /** RFC 6962 root of the first `size` entries, from stored subtrees: a few reads, whatever the size. */
  root(size: number): Promise<Buffer>;
  /** One whole subtree of entries that are there, as it is stored. */
  subtree(subtree: Subtree): Promise<Buffer>;
  /** Entries `from` to `to`, both with, in order; fewer where the ledger ends or a page is full (at least 1). */
  read(from: number, to: number): Promise<readonly StoredEntry[]>;

  addCheckpoint(checkpoint: StoredCheckpoint): Promise<void>;
  /** In the order in which they were signed. */
  checkpoints(): Promise<readonly StoredCheckpoint[]>;
  newestCheckpoint(): Promise<StoredCheckpoint | undefined>;
  /** Whoever signs now. */
  signer(): Promise<StoredSigner | undefined>;
  /** Everyone who ever signed, in order. */
  signers(): Promise<readonly StoredSigner[]>;
  /** Adds a wrapping to the signer of that public key, or sets the first or another signer. */
  setSigner(signer: StoredSigner): Promise<void>;
  /** Undefined in a store that keeps none. */
  epochKey(): Promise<EpochKey | undefined>;
  close(): Promise<void>;
}
