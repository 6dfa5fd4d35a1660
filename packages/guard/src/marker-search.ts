/** Bytes of a marker that the first look compares. */
const HEAD = 4;
/** Groups of markers: with {@link HEAD} bits for each, a machine word is full. */
const GROUPS = 8;
const ANY = Array.from({ length: 256 }, (_, byte) => byte);

/** A token is long: what follows a marker is at least so many of its characters. `npm_config` is none. */
const LEAST_TOKEN = 16;
const TOKEN = /^[A-Za-z0-9_.+/=-]*$/;

/**
 * Which of some literal markers stand in bytes: Baeza-Yates and Gonnet's shift-and, over the first bytes of eight groups of
 * markers at once. A byte costs one look into a table of 1 KiB and no branch that is hard to foresee; a marker is compared
 * only where the beginnings of its group fit.
 */
export class MarkerSearch {
  /** Bit HEAD * group + position: whether this byte may stand there in a marker of this group. */
  readonly #masks = new Int32Array(256);
  readonly #groups: Buffer[][] = Array.from({ length: GROUPS }, () => []);
  #starts = 0;
  #ends = 0;

  readonly #anyFollows: ReadonlySet<string>;

  /**
   * @param markers of three bytes at least; sorted, those that begin alike share a group
   * @param anyFollows those among them that something else than a token may follow
   */
  constructor(markers: readonly string[], anyFollows: ReadonlySet<string>) {
    this.#anyFollows = anyFollows;
    const sorted = markers.toSorted();
    for (const [i, text] of sorted.entries()) {
      const group = Math.floor((i * GROUPS) / sorted.length);
      const marker = Buffer.from(text, 'latin1');
      this.#groups[group]!.push(marker);
      for (let position = 0; position < HEAD; position++) {
        for (const byte of position < marker.length ? [marker[position]!] : ANY) this.#masks[byte]! |= 1 << (HEAD * group + position);
      }
    }
    for (let group = 0; group < GROUPS; group++) {
      this.#starts |= 1 << (HEAD * group);
      this.#ends |= 1 << (HEAD * group + HEAD - 1);
    }
  }

  search(bytes: Buffer): Set<string> {
    const [masks, starts, ends] = [this.#masks, this.#starts, this.#ends];
    const found = new Set<string>();
    const length = bytes.length;
    let state = 0;
    let i = 0;
    // The bit that leaves a group is the next one's first, which is set anyway. Four bytes at a time, with one branch.
    for (; i + 4 <= length; i += 4) {
      const first = ((state << 1) | starts) & masks[bytes[i]!]!;
      const second = ((first << 1) | starts) & masks[bytes[i + 1]!]!;
      const third = ((second << 1) | starts) & masks[bytes[i + 2]!]!;
      state = ((third << 1) | starts) & masks[bytes[i + 3]!]!;
      if (((first | second | third | state) & ends) === 0) continue;
      for (const [at, fits] of [first, second, third, state].entries()) if ((fits & ends) !== 0) this.#note(bytes, i + at - HEAD + 1, fits & ends, found);
    }
    for (; i < length; i++) {
      state = ((state << 1) | starts) & masks[bytes[i]!]!;
      if ((state & ends) !== 0) this.#note(bytes, i - HEAD + 1, state & ends, found);
    }
    return found;
  }

  #note(bytes: Buffer, start: number, ends: number, found: Set<string>): void {
    for (let group = 0; group < GROUPS; group++) {
      if ((ends & (1 << (HEAD * group + HEAD - 1))) === 0) continue;
      for (const marker of this.#groups[group]!) if (bytes[start + 1] === marker[1] && this.#stands(marker, bytes, start)) found.add(marker.toString('latin1'));
    }
  }

  #stands(marker: Buffer, bytes: Buffer, start: number): boolean {
    const end = start + marker.length;
    if (bytes.compare(marker, 0, marker.length, start, Math.min(end, bytes.length)) !== 0) return false;
    return this.#anyFollows.has(marker.toString('latin1')) || (end + LEAST_TOKEN <= bytes.length && TOKEN.test(bytes.toString('latin1', end, end + LEAST_TOKEN)));
  }
}
