/** The ledger as the command and the library write it: events become entries, entries become signed checkpoints. */
import { LockfastError } from '@lockfast/core/errors';
import { withFileLock } from '@lockfast/core/files';
import { type AuditEvent, type AuditOutcome, type AuditSink, type Clock, type IntentId, systemClock } from '@lockfast/core/ports';

import { type Checkpoint, checkpointIn, printCheckpoint } from './checkpoint-text.ts';
import { type Actor, type EntryKind, type LedgerEntry, parseEntry, printEntry } from './entry.ts';
import { knownCheckpointFile, prepareKnownCheckpoints, readKnownCheckpoint, writeKnownCheckpoint } from './known-checkpoint.ts';
import type { LedgerKeyHolder, LedgerSigner } from './ledger-signer.ts';
import { pagesOf } from './ledger-source.ts';
import { originNumber, originOf } from './origin.ts';
import type { EpochKey, LedgerStore, StoredCheckpoint } from './stores/store.ts';
import { TextLog, textLine } from './text-log.ts';

/** A checkpoint is due with so many entries that none covers, or when the first of them is so old. */
const MOST_UNSIGNED = 64;
const LONGEST_UNSIGNED_MS = 3_600_000;

/** Whose entries they are, and what stands beside the store. */
export interface LedgerSurroundings {
  readonly actor: Actor;
  readonly clock?: Clock;
  /** Where this machine keeps the newest checkpoint that it knows of. */
  readonly stateDirectory: string;
  /** Path of the text log, if there is one. */
  readonly textLog?: string | undefined;
}

/** An intent that nothing ended. Its process may still be at it: `entry.actor` tells whose it is. */
export interface OpenIntent {
  readonly intent: IntentId;
  readonly entry: LedgerEntry;
}

export class Ledger implements AuditSink {
  readonly store: LedgerStore;
  readonly #actor: Actor;
  readonly #clock: Clock;
  readonly #stateDirectory: string;
  readonly #textLog: TextLog | undefined;
  readonly #knownFile: string;
  /** Intents of this process, so that nothing is read again to end them. */
  readonly #intents = new Map<IntentId, LedgerEntry>();
  #isEmpty: boolean;
  #refusal: LockfastError | undefined;

  private constructor(store: LedgerStore, { actor, clock = systemClock, stateDirectory, textLog }: LedgerSurroundings) {
    this.store = store;
    this.#actor = actor;
    this.#clock = clock;
    this.#stateDirectory = stateDirectory;
    this.#textLog = textLog === undefined ? undefined : new TextLog(textLog);
    this.#knownFile = knownCheckpointFile(stateDirectory, store.logId);
    this.#isEmpty = false;
  }

  /**
   * Takes the store over. A ledger that contradicts the newest checkpoint known here opens for reading, and refuses
   * every entry: {@link rewound}.
   *
   * @throws LockfastError `ledger-unavailable`, `ledger-tampered`; `permission-denied` or `read-failed` when the known checkpoint can't be read
   */
  static async open(store: LedgerStore, surroundings: LedgerSurroundings): Promise<Ledger> {
    const ledger = new Ledger(store, surroundings);
    await ledger.#compare();
    return ledger;
  }

  /** Why nothing is appended, `ledger-rewound`; undefined for a ledger in order. */
  get rewound(): LockfastError | undefined {
    return this.#refusal;
  }

  async intend(events: readonly AuditEvent[]): Promise<readonly IntentId[]> {
    if (events.length === 0) return [];
    const entries = events.map((event) => this.#entry('intent', event));
    // What can't be told in the end must not begin.
    this.#textLog?.prepare();
    const first = await this.#append(entries);
    return entries.map((entry, i) => {
      this.#intents.set(first + i, entry);
      return first + i;
    });
  }

  async conclude(outcomes: readonly (AuditOutcome & { readonly intent: IntentId })[]): Promise<void> {
    if (outcomes.length === 0) return;
    const entries: LedgerEntry[] = [];
    for (const { intent, outcome, code, details, keyId } of outcomes) {
      const begun = this.#intents.get(intent) ?? (await this.#readIntent(intent));
      entries.push({
        ...this.#entry('outcome', { ...begun, keyId: keyId ?? begun.keyId, details: merged(begun.details, details) }),
        intent,
        outcome,
        ...(code === undefined ? {} : { code }),
      });
    }
    await this.#append(entries);
    for (const { intent } of outcomes) this.#intents.delete(intent);
    this.#textLog?.write(entries.map(textLine));
  }

  async record(event: AuditEvent & AuditOutcome): Promise<void> {
    await this.#record(event);
  }

  /** Intents that have no outcome, of every process. Reads the whole ledger. @throws LockfastError `ledger-unavailable`, `ledger-tampered` */
  async openIntents(): Promise<readonly OpenIntent[]> {
    const open = new Map<IntentId, LedgerEntry>();
    for await (const page of pagesOf(this.store)) {
      for (const { seq, entry: bytes } of page) {
        const entry = this.#parse(seq, bytes);
        if (entry.kind === 'intent') open.set(seq, entry);
        else if (entry.intent !== undefined) open.delete(entry.intent);
      }
    }
    return [...open].map(([intent, entry]) => ({ intent, entry }));
  }

  /**
   * Signs when it is time to: see {@link checkpoint}. When it is not, and the store has a newer checkpoint than is known
   * here, that one is known from now on: another machine signed it, or a run here was killed before it could note it.
   *
   * @returns undefined when nothing was signed
   */
  async checkpointIfDue(ring: LedgerKeyHolder): Promise<StoredCheckpoint | undefined> {
    const newest = await this.store.newestCheckpoint();
    if (await this.#isDue(newest)) return await this.checkpoint(ring);
    if (newest !== undefined && this.#isNews(newest)) await this.#note(newest);
    return undefined;
  }

  /** Where the state directory can't be written, the next one that can does it: nobody asked for it here. @throws LockfastError `ledger-rewound` */
  async #note(newest: StoredCheckpoint): Promise<void> {
    try {
      await this.#withKnown(async () => {
        const signed = this.#isNews(newest) ? checkpointIn(newest.note) : undefined;
        if (signed === undefined) return;
        const contradiction = await this.#contradiction(signed, (await this.store.head()).size);
        if (contradiction !== undefined) throw contradiction;
        writeKnownCheckpoint(this.#knownFile, newest.note);
      });
    } catch (error) {
      if (!(error instanceof LockfastError) || error.code === 'ledger-rewound') throw error;
    }
  }

  /**
   * Signs the ledger as it is now, and keeps the note in the store and in the state directory. The first time, and
   * when this ring can't open the key that signed so far, it makes a key, and records that.
   *
   * @throws LockfastError `ledger-rewound` when the ledger contradicts what was signed before; `ledger-unavailable`;
   *   `busy`, `permission-denied`, `write-failed` for the file in the state directory
   */
  async checkpoint(ring: LedgerKeyHolder): Promise<StoredCheckpoint> {
    return await this.#withKnown(async () => {
      await this.#compare();
      this.#refuseIfRewound();
      const { signWith } = await signing();
      const signer = await this.#signerFor(ring);
      const known = readKnownCheckpoint(this.#knownFile);
      const newest = await this.store.newestCheckpoint();
      const number = Math.max(1, ...[known, newest].map((checkpoint) => (checkpoint === undefined ? 0 : originNumber(checkpoint.origin, this.store.logId))));
      const origin = originOf(this.store.logId, number);
      // Other machines sign, too: what this one knows may be older.
      const signed = newest?.origin === origin ? checkpointIn(newest.note) : undefined;
      const { size } = await this.store.head();
      const contradiction = signed === undefined ? undefined : await this.#contradiction(signed, size);
      if (contradiction !== undefined) throw contradiction;
      if (newest !== undefined && signed?.size === size) {
        writeKnownCheckpoint(this.#knownFile, newest.note);
        return newest;
      }
      const root = await this.store.root(size);
      const note = signWith(signer, { origin, size, root });
      const checkpoint = { size, origin, note };
      await this.store.addCheckpoint(checkpoint);
      writeKnownCheckpoint(this.#knownFile, note);
      return checkpoint;
    });
  }

  /**
   * Before a ring with another own key takes the place of `oldRing`: both can sign then, whichever is there in the end.
   * Without a signing key, or with one that the old ring can't open, there is nothing to do.
   */
  async rewrapSigner(oldRing: LedgerKeyHolder, newRing: LedgerKeyHolder): Promise<void> {
    const { unwrapLedgerSigner, wrapLedgerSigner } = await signing();
    const stored = await this.store.signer();
    const signer = stored === undefined ? undefined : unwrapLedgerSigner(stored, oldRing, this.store.logId);
    if (signer === undefined) return;
    await this.store.setSigner({ publicKey: signer.publicKey, wrapped: [wrapLedgerSigner(signer, newRing, this.store.logId)] });
  }

  /**
   * Takes the ledger as it is for the right one, after a restore, and records that. The next checkpoint has another
   * origin, because a witness never goes back.
   *
   * @throws LockfastError `usage` when nothing contradicts it
   */
  async acceptRestored(reason: string): Promise<void> {
    await this.#withKnown(async () => {
      await this.#compare();
      if (this.#refusal === undefined) throw new LockfastError('usage', `the ledger ${this.store.place} has all that is known of it here`, 'there is nothing to accept');
      const known = this.#knownOrNothing();
      const before = await this.store.head();
      const root = await this.store.root(before.size);
      const newest = await this.store.newestCheckpoint();
      const theirs = newest === undefined ? 0 : originNumber(newest.origin, this.store.logId);
      const ours = known === undefined ? 1 : originNumber(known.origin, this.store.logId);
      // Where another machine accepted it already, and signed since, its number is the one.
      const origin = originOf(this.store.logId, Math.max(ours + 1, theirs));
      this.#refusal = undefined;
      await this.#record({
        operation: 'ledger-restored',
        object: this.store.logId,
        reason,
        outcome: 'success',
        details: {
          size: before.size,
          root: root.toString('base64'),
          origin,
          ...(known === undefined ? {} : { knownSize: known.size, knownRoot: known.root.toString('base64'), knownOrigin: known.origin }),
        },
      });
      const { size } = await this.store.head();
      writeKnownCheckpoint(this.#knownFile, printCheckpoint({ origin, size, root: await this.store.root(size) }));
    });
  }

  /** For the recovery backup: what is recorded from here on can be checked with it. */
  async epochKey(): Promise<EpochKey | undefined> {
    return await this.store.epochKey();
  }

  async close(): Promise<void> {
    this.#textLog?.close();
    await this.store.close();
  }

  async #record(event: AuditEvent & AuditOutcome): Promise<void> {
    const { outcome, code } = event;
    const entry: LedgerEntry = { ...this.#entry('event', event), outcome, ...(code === undefined ? {} : { code }) };
    this.#textLog?.prepare();
    await this.#append([entry]);
    this.#textLog?.write([textLine(entry)]);
  }

  /** @returns the number of the first of `entries` */
  async #append(entries: readonly LedgerEntry[]): Promise<number> {
    this.#refuseIfRewound();
    if (!this.#isEmpty) return await this.store.append(entries.map(printEntry));
    const created: LedgerEntry = { ...this.#entry('event', { operation: 'ledger-created', object: this.store.logId }), outcome: 'success' };
    const first = await this.store.append([created, ...entries].map(printEntry));
    this.#isEmpty = false;
    return first + 1;
  }

  #entry(kind: EntryKind, { operation, object, tenant, environment, keyId, reason, details }: AuditEvent): LedgerEntry {
    return { v: 1, kind, time: new Date(this.#clock.now()).toISOString(), actor: this.#actor, operation, object, tenant, environment, keyId, reason, details };
  }

  async #readIntent(intent: IntentId): Promise<LedgerEntry> {
    const [stored] = await this.store.read(intent, intent);
    const entry = stored === undefined ? undefined : this.#parse(intent, stored.entry);
    if (entry?.kind !== 'intent') throw new LockfastError('internal', `entry ${intent} of the ledger ${this.store.place} is no intent`, 'report it');
    return entry;
  }

  #parse(seq: number, bytes: Buffer): LedgerEntry {
    try {
      return parseEntry(bytes);
    } catch (error) {
      throw new LockfastError('ledger-tampered', `entry ${seq} of the ledger ${this.store.place} is not readable`, 'run `lockfast ledger verify`', error);
    }
  }

  async #isDue(newest: StoredCheckpoint | undefined): Promise<boolean> {
    const { size } = await this.store.head();
    const known = this.#knownOrNothing();
    if (newest === undefined || (known !== undefined && known.origin !== newest.origin)) return size > 0;
    if (size - newest.size >= MOST_UNSIGNED) return true;
    const [unsigned] = await this.store.read(newest.size + 1, newest.size + 1);
    return unsigned !== undefined && this.#clock.now() - Date.parse(this.#parse(unsigned.seq, unsigned.entry).time) >= LONGEST_UNSIGNED_MS;
  }

  #isNews({ origin, size }: StoredCheckpoint): boolean {
    const known = this.#knownOrNothing();
    return this.#refusal === undefined && (known === undefined || (known.origin === origin && known.size < size));
  }

  async #signerFor(ring: LedgerKeyHolder): Promise<LedgerSigner> {
    const { newLedgerSigner, unwrapLedgerSigner, wrapLedgerSigner } = await signing();
    const { logId } = this.store;
    const stored = await this.store.signer();
    const held = stored === undefined ? undefined : unwrapLedgerSigner(stored, ring, logId);
    if (held !== undefined) return held;
    const signer = newLedgerSigner();
    const publicKey = signer.publicKey.toString('base64');
    // Recorded first: no key signs that the ledger does not name.
    await this.#record({ operation: 'ledger-signer', object: logId, outcome: 'success', details: { publicKey } });
    await this.store.setSigner({ publicKey: signer.publicKey, wrapped: [wrapLedgerSigner(signer, ring, logId)] });
    return signer;
  }

  /** Sets what is refused, and why. */
  async #compare(): Promise<void> {
    this.#refusal = undefined;
    try {
      // Before the ledger is looked at: another process may append and sign meanwhile, and the ledger then has more.
      const known = readKnownCheckpoint(this.#knownFile);
      const { size } = await this.store.head();
      this.#isEmpty = size === 0;
      this.#refusal = known === undefined ? undefined : await this.#contradiction(known, size);
    } catch (error) {
      if (!(error instanceof LockfastError) || error.code !== 'ledger-rewound') throw error;
      this.#refusal = error;
    }
  }

  /** What is wrong with a ledger of that size, by what was once signed. */
  async #contradiction(known: Checkpoint, size: number): Promise<LockfastError | undefined> {
    const { place } = this.store;
    const hint = 'if a backup was restored, take it as it is with: lockfast ledger accept-restored --reason WHY; if not, keep it as it is and find out who changed it';
    if (size < known.size) return new LockfastError('ledger-rewound', `the ledger ${place} has ${size} entries, and once had ${known.size}`, hint);
    if ((await this.store.root(known.size)).equals(known.root)) return undefined;
    return new LockfastError('ledger-rewound', `the first ${known.size} entries of the ledger ${place} are not those that were signed`, hint);
  }

  #refuseIfRewound(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
  }

  #knownOrNothing(): Checkpoint | undefined {
    try {
      return readKnownCheckpoint(this.#knownFile);
    } catch {
      return undefined;
    }
  }

  async #withKnown<T>(action: () => Promise<T>): Promise<T> {
    prepareKnownCheckpoints(this.#stateDirectory);
    return await withFileLock(this.#stateDirectory, this.#knownFile, action);
  }
}

/** Not at the top: most commands sign nothing, and start-up counts. */
const signing = async () => await import('./ledger-signer.ts');

function merged(begun: AuditEvent['details'], ended: AuditEvent['details']): AuditEvent['details'] {
  return begun === undefined || ended === undefined ? (begun ?? ended) : { ...begun, ...ended };
}
