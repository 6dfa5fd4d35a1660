import { setTimeout as sleep } from 'node:timers/promises';

import type { ColumnDatabase, ColumnTarget, Remedy } from './database.ts';

/** Failures in a row that are borne, by what is done about them. A batch is halved until it is one row, and that one is tried again, too. */
const BORNE: Readonly<Record<Remedy, number>> = { reconnect: 5, 'smaller-batch': 14, none: 0 };
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/**
 * What a job does about failures of the database that pass: it waits, longer each time, and tries again. That is safe,
 * since every write compares with what was read, and one that was made already is not made twice.
 */
export class Patience {
  readonly #database: ColumnDatabase;
  readonly #target: ColumnTarget | undefined;
  readonly #holdsLock: boolean;
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #locking: Promise<void> | undefined;

  /**
   * @param target undefined where all of the database is looked at
   * @param holdsLock whether the job took its lock, which ended with the connection
   */
  constructor(database: ColumnDatabase, target: ColumnTarget | undefined, holdsLock: boolean, signal: AbortSignal | undefined) {
    this.#database = database;
    this.#target = target;
    this.#holdsLock = holdsLock;
    this.#signal = signal;
  }

  /** Tries until it goes well. @param smaller called where less at once may help */
  async during<T>(action: () => Promise<T>, smaller: () => void = () => {}): Promise<T> {
    for (;;) {
      try {
        const result = await action();
        this.wentWell();
        return result;
      } catch (error) {
        if ((await this.after(error)) === 'smaller-batch') smaller();
      }
    }
  }

  wentWell(): void {
    this.#failures = 0;
  }

  /** Waits, and makes ready for another try. @returns what else to do. @throws what failed, when it is of no use, or too often, or the job is to stop */
  async after(failure: unknown): Promise<Exclude<Remedy, 'none'>> {
    for (let error = failure; ; ) {
      const remedy = this.#database.remedyOf(error);
      this.#failures++;
      if (remedy === 'none' || this.#failures > BORNE[remedy] || this.#signal?.aborted === true) throw error;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
      await sleep(pause, undefined, this.#signal === undefined ? {} : { signal: this.#signal }).catch(() => {});
      if (remedy === 'smaller-batch') return remedy;
      try {
        await this.#lockAgain();
        return remedy;
      } catch (next) {
        error = next;
      }
    }
  }

  /** Reader and writer lose their connections together, and one lock is enough. */
  async #lockAgain(): Promise<void> {
    if (!this.#holdsLock || this.#target === undefined) return;
    this.#locking ??= this.#database.lock(this.#target).finally(() => (this.#locking = undefined));
    await this.#locking;
  }
}
