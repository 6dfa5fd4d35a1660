/** A place that remembers how long the ledger was and what stood in it, out of reach of who can rewrite the ledger. */

/** A checkpoint that is to be witnessed. */
export interface Submission {
  /** The signed note. */
  readonly note: string;
  readonly origin: string;
  readonly size: number;
  /** RFC 6962 root of the first `size` entries. */
  readonly root: Uint8Array;
  /** Consistency proof from the first `size` entries to this checkpoint; `size` is at least 1 and smaller. */
  prove(size: number): Promise<readonly Uint8Array[]>;
}

export interface Receipt {
  /**
   * The size of the newest checkpoint that the witness holds now. Larger than what was submitted: another process was
   * faster, or the ledger lost entries; the caller knows which.
   */
  readonly size: number;
  /** What the witness signed, as lines of a signed note with their newlines; empty where it signs nothing. */
  readonly cosignatures: string;
}

/**
 * The methods throw `LockfastError`: `witness-failed` when the witness can't be reached, does not answer in time or
 * answers what can't be used; `ledger-tampered` when what it holds and what is submitted can't both be of one ledger.
 */
export interface Witness {
  /** Kind and place, for messages; without a password. */
  readonly name: string;
  /** Why it proves less than it seems, as a clause; undefined where nothing is known against it. */
  readonly warning: string | undefined;
  /** Whether `newest` can tell. */
  readonly readable: boolean;
  /** The newest signed note that it holds for the origin; undefined where it holds none, or can't tell. */
  newest(origin: string): Promise<string | undefined>;
  /** Never goes back: an older checkpoint does not replace a newer one. */
  submit(submission: Submission): Promise<Receipt>;
}
