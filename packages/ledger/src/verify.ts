/**
 * Reads a ledger from its first entry to its last and says how far it can be trusted. Tampering throws nothing: it is a
 * result. What is kept meanwhile does not grow with the ledger, but for its checkpoints and the intents that are open.
 */
import { LockfastError } from '@lockfast/core/errors';

import type { Checkpoint } from './checkpoint-text.ts';
import { openCheckpoint, parseCheckpoint } from './checkpoint.ts';
import { EntryChain, firstOfEpoch } from './entry-chain.ts';
import type { LedgerEntry } from './entry.ts';
import type { LedgerSource } from './ledger-source.ts';
import { originNumber } from './origin.ts';
import type { VerifierKey } from './signed-note.ts';
import type { EpochKey, StoredCheckpoint, StoredEntry } from './stores/store.ts';

/** How far back the clock may go from one entry to the next: several machines can write to one ledger. */
const CLOCK_TOLERANCE_MS = 60_000;

/** A checkpoint that lies outside of what is verified. */
export interface HeldCheckpoint extends Checkpoint {
  /** Who holds it, for messages. */
  readonly holder: string;
  /** Whether that is out of reach of who can rewrite the ledger: then it counts as a witness. */
  readonly outOfReach: boolean;
}

/** What is known beforehand, and not from the ledger itself. */
export interface Trust {
  /** Which ledger it must be; undefined where nobody knows. */
  readonly logId: string | undefined;
  /** Raw; of those who may sign its checkpoints. Undefined where nobody knows: the ledger's own are used then, and prove nothing. */
  readonly publicKeys: readonly Uint8Array[] | undefined;
  /** Whose cosignatures count. */
  readonly witnesses: readonly VerifierKey[];
  readonly held: readonly HeldCheckpoint[];
  /** From a recovery backup: MACs from its epoch on are checked. */
  readonly epochKey: EpochKey | undefined;
}

export type FindingKind =
  /** The clock went back by more than a minute before that entry. */
  | 'clock-went-back'
  /** The entry ends something that is no intent, or that was ended before. */
  | 'no-open-intent'
  /** A checkpoint or backup from before a restore that is on record: the entries that it knows of are gone. */
  | 'lost-in-restore';

/** Worth a look, and no proof of tampering. */
export interface Finding {
  readonly kind: FindingKind;
  /** The first entry it is about. */
  readonly seq: number;
  /** How many there are of the kind. */
  readonly count: number;
  /** About the first one, as a clause. */
  readonly text: string;
}

export interface LedgerVerdict {
  /** Nothing was tampered with, as far as that can be told: see the three counts. */
  readonly ok: boolean;
  /** How many entries are in order, from the first on: all of them, where `ok`. */
  readonly entries: number;
  /** Of these: covered by a checkpoint that a witness has. */
  readonly witnessed: number;
  /** Covered only by one that the ledger itself signed. */
  readonly signed: number;
  /** Covered by none: who can write to the ledger could have rewritten them, or cut off what followed. */
  readonly unanchored: number;
  /** Intents without an outcome. */
  readonly dangling: readonly number[];
  /** Entries that record that a restore was accepted. */
  readonly restores: readonly number[];
  readonly findings: readonly Finding[];
  /** The first entry that is not as it was, and why, as a clause. */
  readonly firstBad?: FirstBad;
  /** Whether signatures were checked with keys from elsewhere. */
  readonly signatures: 'checked' | 'unchecked';
  readonly mac: 'unchecked' | { readonly from: number };
}

export interface FirstBad {
  readonly seq: number;
  readonly reason: string;
}

/** @throws LockfastError what reading the source throws, and nothing else */
export async function verifyLedger(source: LedgerSource, trust: Trust): Promise<LedgerVerdict> {
  const verification = new Verification(source, trust);
  for await (const page of source.pages) {
    if (!page.every((stored) => verification.next(stored))) break;
  }
  return verification.end();
}

/** A checkpoint that the tree must fit when it has that size. */
interface Claim {
  readonly size: number;
  readonly root: Buffer;
  readonly origin: string;
  readonly by: 'signature' | 'witness' | 'nobody';
  /** Undefined for one of the ledger itself. */
  readonly holder?: string;
}

class Verification {
  readonly #logId: string;
  readonly #trust: Trust;
  /** By size; those not reached yet from `#reached` on. */
  readonly #claims: readonly Claim[];
  #reached = 0;
  readonly #chain: EntryChain;
  #time = Number.NEGATIVE_INFINITY;
  readonly #open = new Set<number>();
  readonly #restores: number[] = [];
  /** Number of the newest origin that a restore on record began. */
  #originNumber = 1;
  readonly #findings = new Map<FindingKind, Finding>();
  /** Contradictions that a restore may explain which is not read yet. */
  readonly #unexplained: { readonly claim: Claim; readonly bad: FirstBad }[] = [];
  readonly #covered = { witness: 0, signature: 0, nobody: 0 };
  #firstBad: FirstBad | undefined;

  constructor({ logId, publicKeys, checkpoints }: LedgerSource, trust: Trust) {
    this.#logId = logId;
    this.#trust = trust;
    this.#chain = new EntryChain(logId, trust.epochKey);
    if (trust.logId !== undefined && trust.logId !== logId) this.#isBad(1, 'it is another ledger');
    const own = checkpoints.flatMap((stored) => this.#claimOf(stored, publicKeys) ?? []);
    const held = trust.held.flatMap((checkpoint) => this.#heldClaim(checkpoint) ?? []);
    this.#claims = [...own, ...held].toSorted((a, b) => a.size - b.size);
    this.#compareClaims();
  }

  /** @returns false when nothing behind it has to be read any more */
  next(stored: StoredEntry): boolean {
    const seq = this.#chain.size + 1;
    if (this.#firstBad !== undefined && this.#firstBad.seq <= seq) return false;
    const taken = this.#chain.take(stored);
    if (typeof taken === 'string') {
      this.#isBad(seq, taken);
      return false;
    }
    this.#follow(seq, taken);
    this.#compareClaims();
    return true;
  }

  end(): LedgerVerdict {
    const { size } = this.#chain;
    if (this.#firstBad === undefined) {
      for (const claim of this.#claims.slice(this.#reached)) this.#contradicted(claim, { seq: size + 1, reason: `it is missing: ${named(claim)} is of ${claim.size} entries` });
      this.#missEpoch(size);
    }
    for (const { claim, bad } of this.#unexplained) this.#explain(claim, bad);
    const entries = this.#firstBad === undefined ? size : Math.min(size, this.#firstBad.seq - 1);
    const witnessed = Math.min(entries, this.#covered.witness);
    const signed = Math.max(0, Math.min(entries, this.#covered.signature) - witnessed);
    return {
      ok: this.#firstBad === undefined,
      entries,
      witnessed,
      signed,
      unanchored: entries - witnessed - signed,
      dangling: [...this.#open].filter((seq) => seq <= entries),
      restores: this.#restores.filter((seq) => seq <= entries),
      findings: [...this.#findings.values()],
      ...(this.#firstBad === undefined ? {} : { firstBad: this.#firstBad }),
      signatures: this.#trust.publicKeys === undefined ? 'unchecked' : 'checked',
      mac: this.#trust.epochKey === undefined ? 'unchecked' : { from: firstOfEpoch(this.#trust.epochKey.epoch) },
    };
  }

  /** What entries say of each other. */
  #follow(seq: number, { kind, time, intent, operation, object, details }: LedgerEntry): void {
    const now = Date.parse(time);
    if (now < this.#time - CLOCK_TOLERANCE_MS) this.#found('clock-went-back', seq, `the clock went back by ${Math.round((this.#time - now) / 1000)} s`);
    this.#time = now;
    if (kind === 'intent') this.#open.add(seq);
    if (intent !== undefined && !this.#open.delete(intent)) this.#found('no-open-intent', seq, `it ends entry ${intent}, which is no intent or was ended before`);
    if (kind === 'event' && operation === 'ledger-restored' && object === this.#logId) {
      this.#restores.push(seq);
      const origin = details?.['origin'];
      this.#originNumber = Math.max(this.#originNumber, typeof origin === 'string' ? originNumber(origin, this.#logId) : 0);
    }
  }

  /** Every claim of the size that the tree has now. */
  #compareClaims(): void {
    const { size } = this.#chain;
    let root: Buffer | undefined;
    for (let claim = this.#claims[this.#reached]; claim !== undefined && claim.size === size; claim = this.#claims[++this.#reached]) {
      root ??= this.#chain.root();
      if (!root.equals(claim.root)) {
        const good = Math.max(this.#covered.witness, this.#covered.signature, this.#covered.nobody);
        // Two of one size that contradict each other: one of them is right.
        const seq = Math.max(1, Math.min(size, good + 1));
        this.#contradicted(claim, { seq, reason: `it, or a later one up to entry ${size}, was changed, removed or added: ${named(claim)} is of other entries` });
      } else if (claim.holder === undefined && originNumber(claim.origin, this.#logId) > this.#originNumber) {
        this.#isBad(size, `its checkpoint is of the origin ${claim.origin}, and no restore is on record that began it`);
      } else {
        this.#covered[claim.by] = size;
        // Who witnessed it has what was signed.
        if (claim.by !== 'nobody') this.#covered.signature = size;
      }
    }
  }

  /** The ledger's own checkpoints went through every restore with it. Others may know what was lost. */
  #contradicted(claim: Claim, bad: FirstBad): void {
    if (claim.holder === undefined) this.#isBad(bad.seq, bad.reason);
    else this.#unexplained.push({ claim, bad });
  }

  #explain(claim: Pick<Claim, 'origin' | 'size'>, bad: FirstBad): void {
    const restore = this.#restores.at(-1);
    if (restore === undefined || originNumber(claim.origin, this.#logId) >= this.#originNumber) this.#isBad(bad.seq, bad.reason);
    else this.#found('lost-in-restore', restore, `a restore is on record; ${bad.reason}`);
  }

  /** A backup with the key of an epoch was written when the entries of those before were there. */
  #missEpoch(size: number): void {
    const known = this.#trust.epochKey;
    const before = known === undefined ? 0 : firstOfEpoch(known.epoch) - 1;
    if (size >= before) return;
    const bad = { seq: size + 1, reason: `it is missing: the backup was written when there were ${before} entries` };
    if (this.#restores.length === 0) this.#isBad(bad.seq, bad.reason);
    else this.#found('lost-in-restore', this.#restores.at(-1)!, `a restore is on record; ${bad.reason}`);
  }

  #claimOf(stored: StoredCheckpoint, claimed: readonly Buffer[]): Claim | undefined {
    const { publicKeys, witnesses } = this.#trust;
    const place = Number.isSafeInteger(stored.size) && stored.size >= 1 ? stored.size : 1;
    try {
      const { origin, size, root, signatures } = openCheckpoint(stored.note, publicKeys ?? claimed, witnesses);
      if (size < 1 || size !== stored.size || origin !== stored.origin) return this.#isBad(Math.max(1, size), 'its checkpoint is of another size or origin than it is filed under');
      if (originNumber(origin, this.#logId) === 0) return this.#isBad(size, 'its checkpoint is of another ledger');
      const witnessed = signatures.some(({ key }) => key.kind === 'cosignature');
      return { origin, size, root, by: witnessed ? 'witness' : publicKeys === undefined ? 'nobody' : 'signature' };
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      return this.#isBad(place, `its checkpoint is not to be trusted: ${error.message}`);
    }
  }

  #heldClaim({ origin, size, root, holder, outOfReach }: HeldCheckpoint): Claim | undefined {
    if (originNumber(origin, this.#logId) === 0) return this.#isBad(1, `${holder} holds a checkpoint of another ledger`);
    return { origin, size, root, by: outOfReach ? 'witness' : 'nobody', holder };
  }

  /** The first one counts. */
  #isBad(seq: number, reason: string): undefined {
    if (this.#firstBad === undefined || seq < this.#firstBad.seq) this.#firstBad = { seq, reason };
  }

  #found(kind: FindingKind, seq: number, text: string): void {
    const { count, ...first } = this.#findings.get(kind) ?? { kind, seq, text, count: 0 };
    this.#findings.set(kind, { ...first, count: count + 1 });
  }
}

function named({ holder, size }: Claim): string {
  return holder === undefined ? `the checkpoint that was signed after entry ${size}` : `what ${holder} holds`;
}

/** A checkpoint that someone holds, whoever signed it. @throws LockfastError `malformed` when it is none */
export function heldBy(holder: string, note: string, outOfReach: boolean): HeldCheckpoint {
  return { ...parseCheckpoint(note), holder, outOfReach };
}
