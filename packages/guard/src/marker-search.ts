/** The least length of a marker: what can be skipped at most is one byte less. */
const LEAST = 3;

/**
 * Which of some literal markers stand in bytes: Wu and Manber's search over pairs of bytes, which looks at about
 * every second byte of a text that has none.
 */
export class MarkerSearch {
  /** How far to go on when a pair of bytes ends here; 0: a marker may. */
  readonly #shift = new Uint8Array(65_536).fill(LEAST - 1);
  readonly #byPair = new Map<number, Buffer[]>();

  constructor(markers: readonly string[]) {
    for (const text of markers) {
      const marker = Buffer.from(text, 'latin1');
      for (let end = 1; end < LEAST; end++) {
        const pair = (marker[end - 1]! << 8) | marker[end]!;
        this.#shift[pair] = Math.min(this.#shift[pair]!, LEAST - 1 - end);
        if (end === LEAST - 1) this.#byPair.set(pair, [...(this.#byPair.get(pair) ?? []), marker]);
      }
    }
  }

  search(bytes: Buffer): Set<string> {
    const shift = this.#shift;
    const length = bytes.length;
    const found = new Set<string>();
    for (let i = LEAST - 1; i < length; ) {
      const step = shift[(bytes[i - 1]! << 8) | bytes[i]!]!;
      if (step === 0) {
        this.#note(bytes, i, found);
        i += 1;
      } else i += step;
    }
    return found;
  }

  /** The markers whose first bytes end at `last`. */
  #note(bytes: Buffer, last: number, found: Set<string>): void {
    const start = last - LEAST + 1;
    for (const marker of this.#byPair.get((bytes[last - 1]! << 8) | bytes[last]!)!) {
      if (bytes.compare(marker, 0, marker.length, start, Math.min(start + marker.length, bytes.length)) === 0) found.add(marker.toString('latin1'));
    }
  }
}
