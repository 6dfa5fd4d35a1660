/**
 * Needles in a text that comes in pieces. All that is remembered from piece to piece is one state of the automaton, so that
 * where the text was cut makes no difference. Between needles most bytes are skipped, unread.
 *
 * The work is linear in the text, whatever it holds: each run of the automaton begins behind the start of the one before, and
 * ends at most {@link SHALLOW} bytes behind the start of the next.
 */
import { Automaton, FOUND, LEAF, WHOLE_6, WHOLE_7 } from './automaton.ts';
import type { Needle } from './needle.ts';
import { Skipping } from './skipping.ts';

/** So near to the root a text is by chance: skipping is the faster way to go on. */
const SHALLOW = 4;

export interface MatchListener {
  /** @param end in this piece, behind the last byte; the beginning may lie in an earlier piece */
  found(end: number, length: number): void;
  /** To be masked where no word goes on before or after it. */
  foundWhole(end: number, length: number): void;
}

export class Matcher {
  readonly #automaton: Automaton;
  readonly #skipping: Skipping | undefined;
  #steps = 0;

  constructor(needles: readonly Needle[]) {
    this.#automaton = new Automaton(needles);
    this.#skipping = needles.length === 0 ? undefined : new Skipping(needles);
  }

  /** All that was done so far, in steps that take a bounded time each. */
  get steps(): number {
    return this.#steps + (this.#skipping?.probes ?? 0);
  }

  /** States of the automaton: each takes 22 bytes. */
  get size(): number {
    return this.#automaton.size;
  }

  /** How long the text's end is that may be the beginning of a needle. */
  heldIn(state: number): number {
    return this.#automaton.depth[state]!;
  }

  /** @param state what the piece before gave; 0 at the start @returns the state at the end */
  scan(text: Uint8Array, state: number, listener: MatchListener): number {
    const skipping = this.#skipping;
    if (skipping === undefined) return 0;
    const { depth } = this.#automaton;
    const lastStart = text.length - skipping.window;
    let at = 0;
    while (at < text.length) {
      if (state === 0) at = skipping.next(text, at);
      const start = at - depth[state]!;
      // Nothing can be ruled out any more: the automaton goes on to the end.
      const last = at > lastStart;
      do {
        state = this.#step(state, text[at++]!, at, listener);
        const nextStart = at - depth[state]!;
        if (!last && depth[state]! <= SHALLOW && nextStart > start && nextStart >= 0) {
          at = nextStart;
          state = 0;
          break;
        }
      } while (at < text.length);
    }
    return state;
  }

  #step(before: number, byte: number, end: number, listener: MatchListener): number {
    const automaton = this.#automaton;
    const { fallback, marks } = automaton;
    const byteClass = automaton.classes[byte]!;
    let steps = 1;
    let from = before;
    let state = automaton.child(from, byteClass);
    while (state === 0 && from !== 0) {
      from = fallback[from]!;
      state = automaton.child(from, byteClass);
      steps++;
    }
    const mark = marks[state]!;
    if (mark !== 0) {
      if ((mark & FOUND) !== 0) listener.found(end, automaton.found[state]!);
      if ((mark & WHOLE_7) !== 0) listener.foundWhole(end, 7);
      if ((mark & WHOLE_6) !== 0) listener.foundWhole(end, 6);
      while ((marks[state]! & LEAF) !== 0) {
        state = fallback[state]!;
        steps++;
      }
    }
    this.#steps += steps;
    return state;
  }
}
