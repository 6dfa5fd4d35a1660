import { grouped, type Terminal } from './terminal.ts';

/** How far long work is, on a terminal only: one line that is written over. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #noun: string;
  readonly #timed: boolean;
  #shown = 0;
  /** When it was first told, and of how much. */
  #begun: { readonly at: number; readonly done: number } | undefined;

  /**
   * @param noun what is counted, in the plural
   * @param kind `timed`: with its rate, and how long it will take
   */
  constructor(terminal: Terminal, noun: string, kind: 'plain' | 'timed' = 'plain') {
    this.#terminal = terminal;
    this.#noun = noun;
    this.#timed = kind === 'timed';
  }

  /**
   * At most ten times a second, and the last one.
   *
   * @param remark stands behind it
   */
  show(done: number, total: number, remark = ''): void {
    const now = performance.now();
    if (!this.#terminal.interactive) return;
    // What a run before this one did says nothing of the rate.
    this.#begun ??= { at: now, done };
    if (done < total && this.#shown > 0 && now - this.#shown < 100) return;
    this.#shown = now;
    this.#terminal.overwrite(`${grouped(done)} of ${grouped(total)} ${this.#noun}${this.#timed ? pace(done - this.#begun.done, total - done, now - this.#begun.at, this.#noun) : ''}${remark}`);
  }

  /** Takes the line away. */
  end(): void {
    if (this.#shown > 0) this.#terminal.overwrite('');
    this.#shown = 0;
    this.#begun = undefined;
  }
}

/** `, 41,200 rows/s, 1 min 12 s left`; nothing before there is something to go by. */
function pace(done: number, left: number, ms: number, noun: string): string {
  if (ms < 500 || done <= 0) return '';
  const rate = done / (ms / 1000);
  return `, ${grouped(Math.round(rate))} ${noun}/s${left <= 0 ? '' : `, ${duration(left / rate)} left`}`;
}

function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
