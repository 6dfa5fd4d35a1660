/** Finds the end of a database server's answer to one question, as whoever stands between it and a program must. */

/** What the server speaks. */
export type Protocol = 'postgres' | 'mysql';

/** Of one answer. */
export class ReplyEnd {
  readonly #protocol: Protocol;
  #rest: Buffer = Buffer.alloc(0);
  #packets = 0;
  #ends = 0;

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  /** @param data what the server has sent since the last call */
  reached(data: Buffer): boolean {
    this.#rest = Buffer.concat([this.#rest, data]);
    return this.#protocol === 'postgres' ? this.#postgres() : this.#mysql();
  }

  /** Messages of one byte of type and four of length, up to "Z": ready for the next question, so this one is done. */
  #postgres(): boolean {
    while (this.#rest.length >= 5) {
      if (this.#rest[0] === 0x5a) return true;
      const length = 1 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < length) return false;
      this.#rest = this.#rest.subarray(length);
    }
    return false;
  }

  /**
   * Packets of three bytes of length and one of order, up to OK or ERR, or the second EOF of a result. A row that begins with 0xfe is
   * longer than an EOF.
   */
  #mysql(): boolean {
    while (this.#rest.length >= 5) {
      const length = this.#rest.readUIntLE(0, 3);
      if (this.#rest.length < 4 + length) return false;
      const first = this.#rest[4]!;
      this.#packets += 1;
      if (first === 0xff || (first === 0x00 && this.#packets === 1)) return true;
      if (first === 0xfe && length < 9 && (this.#ends += 1) === 2) return true;
      this.#rest = this.#rest.subarray(4 + length);
    }
    return false;
  }
}
