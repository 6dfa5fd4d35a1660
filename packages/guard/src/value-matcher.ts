import type { GuardKey } from './guard-key.ts';
import type { GuardedValue, HashedNeedle } from './guarded-values.ts';
import { leavingTable, WINDOW } from './rolling-hash.ts';

export interface ValueMatch {
  readonly value: GuardedValue;
  readonly form: string;
  readonly start: number;
  readonly end: number;
}

interface Candidate {
  readonly value: GuardedValue;
  readonly needle: HashedNeedle;
}

/** One MiB: with 8,000 needles one byte in a thousand is looked up further. */
const BITMAP_BITS = 23;
const NOWHERE = -1;

/**
 * Finds guarded values in bytes: one step of a rolling hash for each byte, and an HMAC where it is one of theirs. Each hit is
 * certain up to 2^-128.
 */
export class ValueMatcher {
  readonly #table: Int32Array;
  readonly #leaving: Int32Array;
  readonly #multiplier: number;
  readonly #mac: (bytes: Uint8Array) => Buffer;
  readonly #bitmap = new Int32Array(2 ** (BITMAP_BITS - 5));
  readonly #candidates = new Map<number, Candidate[]>();

  constructor(values: readonly GuardedValue[], key: GuardKey) {
    const secrets = key.rollingSecrets();
    this.#table = secrets.table;
    this.#leaving = leavingTable(secrets);
    this.#multiplier = secrets.multiplier;
    this.#mac = key.macs('value');
    for (const value of values) for (const needle of value.needles) this.#add(value, needle);
  }

  get isEmpty(): boolean {
    return this.#candidates.size === 0;
  }

  /** In the order of their ends; a value that stands in the middle of another form of itself is reported once. */
  search(bytes: Uint8Array): ValueMatch[] {
    if (this.isEmpty || bytes.length < WINDOW) return [];
    const matches: ValueMatch[] = [];
    for (let at = this.#next(bytes, 0); at !== NOWHERE; at = this.#next(bytes, at + 1)) matches.push(...this.#confirmed(bytes, at));
    return matches;
  }

  #add(value: GuardedValue, needle: HashedNeedle): void {
    const known = this.#candidates.get(needle.window);
    if (known === undefined) this.#candidates.set(needle.window, [{ value, needle }]);
    else known.push({ value, needle });
    const bit = needle.window >>> (32 - BITMAP_BITS);
    this.#bitmap[bit >>> 5]! |= 1 << (bit & 31);
  }

  /** The first window from `from` on whose hash is one of a needle's. The loop that all bytes go through. */
  #next(bytes: Uint8Array, from: number): number {
    const [table, leaving, bitmap, multiplier, candidates] = [this.#table, this.#leaving, this.#bitmap, this.#multiplier, this.#candidates];
    const end = bytes.length;
    if (from + WINDOW > end) return NOWHERE;
    let hash = 0;
    for (let i = from; i < from + WINDOW; i++) hash = (Math.imul(hash, multiplier) + table[bytes[i]!]!) | 0;
    for (let i = from + WINDOW; ; i++) {
      const bit = hash >>> (32 - BITMAP_BITS);
      if ((bitmap[bit >>> 5]! & (1 << (bit & 31))) !== 0 && candidates.has(hash >>> 0)) return i - WINDOW;
      if (i === end) return NOWHERE;
      hash = (Math.imul(hash, multiplier) + table[bytes[i]!]! - leaving[bytes[i - WINDOW]!]!) | 0;
    }
  }

  #confirmed(bytes: Uint8Array, at: number): ValueMatch[] {
    const window = this.#hashAt(bytes, at);
    const macs = new Map<string, Buffer>();
    return this.#candidates.get(window)!.flatMap(({ value, needle }) => {
      const start = at - needle.offset;
      const end = start + needle.length;
      if (start < 0 || end > bytes.length) return [];
      const place = `${start}-${end}`;
      const mac = macs.get(place) ?? this.#mac(bytes.subarray(start, end));
      macs.set(place, mac);
      return mac.equals(needle.mac) ? [{ value, form: needle.form, start, end }] : [];
    });
  }

  #hashAt(bytes: Uint8Array, at: number): number {
    let hash = 0;
    for (let i = at; i < at + WINDOW; i++) hash = (Math.imul(hash, this.#multiplier) + this.#table[bytes[i]!]!) | 0;
    return hash >>> 0;
  }
}
