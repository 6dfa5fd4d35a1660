import { setTimeout as sleep } from 'node:timers/promises';

import type { ColumnDatabase, Pressure } from './database.ts';

/** Replicas that are further behind are waited for, in milliseconds. */
const MOST_LAG_MS = 1500;
/** How often the database is asked, at most. */
const LOOK_MS = 1000;

/** Why a job waits. */
export type WaitingFor = 'replication-lag' | 'lock-waits';

/** Keeps a job from harming others: a rate that it does not exceed, and pauses while replicas lag or somebody waits for its locks. */
export class Pace {
  readonly #database: ColumnDatabase;
  /** Milliseconds for one row. */
  readonly #rowMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #onWaiting: (reason: WaitingFor) => void;
  /** When the next rows may be written, on the monotonic clock. */
  #due = 0;
  #looked = -Infinity;
  #looking: Promise<void> | undefined;
  #pressure: Pressure = { replicationLagMs: undefined, lockWaiters: 0 };

  /** @param maxRate rows a second */
  constructor(database: ColumnDatabase, maxRate: number | undefined, signal: AbortSignal | undefined, onWaiting: (reason: WaitingFor) => void) {
    this.#database = database;
    this.#rowMs = maxRate === undefined ? 0 : 1000 / maxRate;
    this.#signal = signal;
    this.#onWaiting = onWaiting;
  }

  /** Asks the database, if it was not asked a moment ago. Call it while a batch is being written: nobody waits for locks at another time. */
  look(): void {
    const now = performance.now();
    if (this.#looking !== undefined || now - this.#looked < LOOK_MS) return;
    this.#looked = now;
    this.#looking = this.#ask().finally(() => (this.#looking = undefined));
  }

  /** Until these rows may be written. A job that is to stop does not wait. */
  async before(rows: number): Promise<void> {
    if (this.#rowMs > 0) {
      await this.#pause(this.#due - performance.now());
      this.#due = Math.max(this.#due, performance.now()) + rows * this.#rowMs;
    }
    for (let reason = this.#reason(); reason !== undefined && this.#signal?.aborted !== true; reason = this.#reason()) {
      this.#onWaiting(reason);
      await this.#pause(this.#looked + LOOK_MS - performance.now());
      this.look();
      await this.#looking;
    }
  }

  /** Nothing is asked of the database any more. */
  async end(): Promise<void> {
    await this.#looking;
  }

  #reason(): WaitingFor | undefined {
    if ((this.#pressure.replicationLagMs ?? 0) > MOST_LAG_MS) return 'replication-lag';
    return this.#pressure.lockWaiters > 0 ? 'lock-waits' : undefined;
  }

  async #ask(): Promise<void> {
    try {
      this.#pressure = await this.#database.pressure();
    } catch {
      // Whatever is wrong with the connection, the next batch will meet it, and knows what to do.
      this.#pressure = { replicationLagMs: undefined, lockWaiters: 0 };
    }
  }

  async #pause(ms: number): Promise<void> {
    if (ms > 0) await sleep(ms, undefined, this.#signal === undefined ? {} : { signal: this.#signal }).catch(() => {});
  }
}
