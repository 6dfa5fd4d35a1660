import type { GuardKey, WindowSecrets } from './guard-key.ts';
import type { GuardedValue, HashedNeedle } from './guarded-values.ts';
import { WINDOW, WINDOWS } from './window-hash.ts';

export interface ValueMatch {
  readonly value: GuardedValue;
  readonly form: string;
  readonly start: number;
  readonly end: number;
}

interface Candidate {
  readonly value: GuardedValue;
  readonly needle: HashedNeedle;
  /** Where in the needle the window begins. */
  readonly at: number;
}

/** Bits of the bitmap for each window: about one look in sixty-four goes on, and a small bitmap stays in the cache. */
const SPARSENESS = 6;

/**
 * Finds guarded values in bytes: one keyed hash for every four bytes, and an HMAC where it is one of theirs. Each hit is certain
 * up to 2^-128.
 */
export class ValueMatcher {
  readonly #secrets: WindowSecrets;
  readonly #mac: (bytes: Uint8Array) => Buffer;
  readonly #bitmap: Int32Array;
  /** How far a hash is shifted for its bit. */
  readonly #shift: number;
  readonly #candidates = new Map<number, Candidate[]>();

  constructor(values: readonly GuardedValue[], key: GuardKey) {
    this.#secrets = key.windowSecrets();
    this.#mac = key.macs('value');
    const windows = values.reduce((sum, { needles }) => sum + needles.length * WINDOWS, 0);
    const bits = Math.min(24, Math.ceil(Math.log2(windows + 1)) + SPARSENESS);
    this.#bitmap = new Int32Array(2 ** (bits - 5));
    this.#shift = 32 - bits;
    for (const value of values) for (const needle of value.needles) for (const [i, hash] of needle.windows.entries()) this.#add(hash, { value, needle, at: needle.offset + i });
  }

  /** In the order in which they stand there. */
  search(bytes: Buffer): ValueMatch[] {
    if (this.#candidates.size === 0) return [];
    const start = -bytes.byteOffset & 3;
    const count = (bytes.length - start) >> 2;
    if (count < WINDOW / 4) return [];
    const matches: ValueMatch[] = [];
    const tried = new Map<string, Buffer>();
    for (const [word, hash] of this.#hits(new Int32Array(bytes.buffer, bytes.byteOffset + start, count))) matches.push(...this.#confirmed(bytes, start + word * 4, hash, tried));
    return matches.toSorted((a, b) => a.start - b.start);
  }

  #add(hash: number, candidate: Candidate): void {
    const known = this.#candidates.get(hash);
    if (known === undefined) this.#candidates.set(hash, [candidate]);
    else known.push(candidate);
    const bit = hash >>> this.#shift;
    this.#bitmap[bit >>> 5]! |= 1 << (bit & 31);
  }

  /** The windows whose hash is one of a needle's: the loop that all bytes go through. The hash is `windowHash`, written out for speed. */
  #hits(words: Int32Array): (readonly [word: number, hash: number])[] {
    const [bitmap, shift, candidates] = [this.#bitmap, this.#shift, this.#candidates];
    const { keys: [key0, key1], multipliers: [times0, times1] } = this.#secrets;
    const hits: (readonly [number, number])[] = [];
    const last = words.length - 1;
    let first = words[0]!;
    for (let i = 0; i < last; i++) {
      const second = words[i + 1]!;
      const mixed = Math.imul(first ^ key0, times0);
      const product = Math.imul(((mixed ^ (mixed >>> 15)) + second) ^ key1, times1);
      const hash = product ^ (product >>> 13);
      const bit = hash >>> shift;
      if ((bitmap[bit >>> 5]! & (1 << (bit & 31))) !== 0 && candidates.has(hash)) hits.push([i, hash]);
      first = second;
    }
    return hits;
  }

  #confirmed(bytes: Buffer, position: number, hash: number, tried: Map<string, Buffer>): ValueMatch[] {
    return this.#candidates.get(hash)!.flatMap(({ value, needle, at }) => {
      const start = position - at;
      const end = start + needle.length;
      if (start < 0 || end > bytes.length) return [];
      const place = `${start}-${end}`;
      const mac = tried.get(place) ?? this.#mac(bytes.subarray(start, end));
      tried.set(place, mac);
      return mac.equals(needle.mac) ? [{ value, form: needle.form, start, end }] : [];
    });
  }
}

