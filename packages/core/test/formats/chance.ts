/** Pseudo-random input that can be had again: a failure names the seed, and `LOCKFAST_SEED=<seed>` tries it alone. */
import { randomInt } from 'node:crypto';

import { DEEP } from './scale.ts';

export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to `end - 1`. */
  below(end: number): number {
    // mulberry32
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(length: number): Buffer<ArrayBuffer> {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

/** Slower than any machine: what is tried takes microseconds, or milliseconds with a key derivation. */
const HANG_MS = 5_000;

/**
 * Tries one seed after another for a second, for half an hour when deep.
 *
 * @returns how many
 */
export async function forAWhile(attempt: (chance: Chance) => void | Promise<void>): Promise<number> {
  const only = process.env['LOCKFAST_SEED'];
  const first = only === undefined ? randomInt(2 ** 31) : Number(only);
  const end = performance.now() + (DEEP ? 1_800_000 : 1_000);
  let seed = first;
  for (; performance.now() < end; seed++) {
    const start = performance.now();
    try {
      await attempt(new Chance(seed));
    } catch (error) {
      throw new Error(`LOCKFAST_SEED=${seed} fails: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    if (performance.now() - start > HANG_MS) throw new Error(`LOCKFAST_SEED=${seed} takes too long`);
    if (only !== undefined) break;
  }
  return seed - first;
}
