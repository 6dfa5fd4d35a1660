/**
 * Where in a text no needle begins (Wu and Manber, 1994): three bytes say how far the next place is where one can. It may
 * say "perhaps" too often and never "no" wrongly: the automaton decides.
 */
import type { Needle } from './needle.ts';

const BLOCK = 3;
/** Longer windows skip further and fill the table. */
const MOST_WINDOW = 16;
const LEAST_TABLE_BITS = 12;
/** A megabyte: what a core has near. */
const MOST_TABLE_BITS = 20;
/** Of the table, at most one in so many entries is used. */
const SPARSENESS = 4;
const BEGINNING_BITS = 19;

export class Skipping {
  /** How many bytes from the start of each needle are looked at. */
  readonly window: number;
  readonly #shifts: Uint8Array;
  readonly #tableShift: number;
  /** A bit for each hash of a whole window. */
  readonly #beginnings = new Uint8Array(2 ** (BEGINNING_BITS - 3));
  #probes = 0;

  /** @param needles at least one, each of at least three bytes */
  constructor(needles: readonly Needle[]) {
    const shortest = needles.reduce((least, { text, beginning }) => Math.min(least, text.length, beginning === 0 ? Infinity : beginning), MOST_WINDOW);
    let window = shortest;
    while (window > BLOCK + 3 && needles.length * (window - BLOCK + 1) * SPARSENESS > 2 ** MOST_TABLE_BITS) window--;
    this.window = window;
    const entries = needles.length * (window - BLOCK + 1) * SPARSENESS;
    const bits = Math.min(MOST_TABLE_BITS, Math.max(LEAST_TABLE_BITS, Math.ceil(Math.log2(entries))));
    this.#tableShift = 32 - bits;
    this.#shifts = new Uint8Array(2 ** bits).fill(window - BLOCK + 1);
    for (const { text } of needles) this.#add(Buffer.from(text.slice(0, window), 'latin1'));
  }

  /** How many places were looked at: for a test that it grows no faster than the text. */
  get probes(): number {
    return this.#probes;
  }

  /** The first place from `from` where a needle may begin; from `text.length - window + 1` on it always may. */
  next(text: Uint8Array, from: number): number {
    const shifts = this.#shifts;
    const tableShift = this.#tableShift;
    const { window } = this;
    const { length } = text;
    let probes = 0;
    let end = from + window - 1;
    while (end < length) {
      const shift = shifts[Math.imul((text[end - 2]! | 32) | ((text[end - 1]! | 32) << 8) | ((text[end]! | 32) << 16), 0x9e3779b1) >>> tableShift]!;
      probes++;
      if (shift !== 0) end += shift;
      else if (this.#mayBegin(text, end - window + 1)) break;
      else end++;
    }
    this.#probes += probes;
    return end - window + 1;
  }

  #add(bytes: Uint8Array): void {
    const { window } = this;
    for (let end = BLOCK - 1; end < window; end++) {
      const at = Math.imul((bytes[end - 2]! | 32) | ((bytes[end - 1]! | 32) << 8) | ((bytes[end]! | 32) << 16), 0x9e3779b1) >>> this.#tableShift;
      this.#shifts[at] = Math.min(this.#shifts[at]!, window - 1 - end);
    }
    const hash = hashed(bytes, 0, window);
    this.#beginnings[hash >>> 3]! |= 1 << (hash & 7);
  }

  #mayBegin(text: Uint8Array, at: number): boolean {
    const hash = hashed(text, at, this.window);
    return (this.#beginnings[hash >>> 3]! & (1 << (hash & 7))) !== 0;
  }
}

/** With or without the bit of case: more bytes look alike to it than are. */
function hashed(bytes: Uint8Array, at: number, length: number): number {
  let hash = 0;
  for (let i = at; i < at + length; i++) hash = Math.imul(hash ^ (bytes[i]! | 32), 0x01000193) + (hash >>> 15);
  return Math.imul(hash, 0x9e3779b1) >>> (32 - BEGINNING_BITS);
}
