import { type Terminal } from './terminal.ts';

/** How far long work is, on a terminal only: one line that is written over. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #noun: string;
  #shown = 0;

  /** @param noun what is counted, in the plural */
  constructor(terminal: Terminal, noun: string) {
    this.#terminal = terminal;
    this.#noun = noun;
  }

  /** At most ten times a second, and the last one. */
  show(done: number, total: number): void {
    const now = performance.now();
    if (!this.#terminal.interactive || (done < total && this.#shown > 0 && now - this.#shown < 100)) return;
    this.#shown = now;
    this.#terminal.overwrite(`${done} of ${total} ${this.#noun}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown > 0) this.#terminal.overwrite('');
    this.#shown = 0;
  }
}
