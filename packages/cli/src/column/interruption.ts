import { constants } from 'node:os';

const STOPPING = ['SIGINT', 'SIGTERM'] as const;

/**
 * Lets what runs come to a good end: the first SIGINT or SIGTERM is told by a signal of the program's own, a second one
 * ends the process as if nobody listened.
 */
export class Interruption implements Disposable {
  readonly #controller = new AbortController();
  readonly #told: () => void;
  #by: NodeJS.Signals | undefined;
  readonly #listener = (signal: NodeJS.Signals): void => {
    if (this.#by !== undefined) {
      this[Symbol.dispose]();
      process.kill(process.pid, signal);
      return;
    }
    this.#by = signal;
    this.#controller.abort();
    this.#told();
  };

  /** @param told is called at the first signal */
  constructor(told: () => void) {
    this.#told = told;
    for (const signal of STOPPING) process.on(signal, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** As shells count it, 128 and the signal's number: 130 after ^C. Undefined where none came. */
  get status(): number | undefined {
    return this.#by === undefined ? undefined : 128 + constants.signals[this.#by];
  }

  [Symbol.dispose](): void {
    for (const signal of STOPPING) process.off(signal, this.#listener);
  }
}
