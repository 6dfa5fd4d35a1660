/** Bytes that came and were not given on yet. Each is taken once, so that many small pieces cost no more than one. */
export class HeldBytes {
  readonly #pieces: Uint8Array[] = [];
  #first = 0;
  /** How much of the first piece is gone. */
  #gone = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Takes `count` bytes from the front. @returns them in pieces */
  take(count: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    this.#length -= count;
    let left = count;
    while (left > 0) {
      const piece = this.#pieces[this.#first]!;
      const part = piece.subarray(this.#gone, this.#gone + left);
      taken.push(part);
      left -= part.length;
      this.#gone += part.length;
      if (this.#gone === piece.length) this.#dropFirst();
    }
    return taken;
  }

  /** All of them, in one piece; they stay. */
  copied(): Buffer {
    const whole = Buffer.concat(this.#pieces.slice(this.#first));
    return whole.subarray(this.#gone);
  }

  /** Keeps the last piece in memory of its own: whoever gave it may use his again. */
  ownLast(): void {
    const last = this.#pieces.length - 1;
    if (last < this.#first) return;
    const gone = last === this.#first ? this.#gone : 0;
    this.#pieces[last] = Uint8Array.prototype.slice.call(this.#pieces[last]!, gone);
    if (last === this.#first) this.#gone = 0;
  }

  #dropFirst(): void {
    this.#gone = 0;
    this.#first++;
    if (this.#first === this.#pieces.length) {
      this.#pieces.length = 0;
      this.#first = 0;
    } else if (this.#first > 1024 && this.#first * 2 > this.#pieces.length) {
      this.#pieces.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
