/** So many batches that went well, one after the other, allow larger ones again. */
const CALM_BATCHES = 20;

/** How many rows a job reads, and writes in one transaction: fewer for a while, after the database had trouble with a batch. */
export class PageSize {
  readonly #most: number;
  #rows: number;
  #calm = 0;

  /** @param most rows that are asked for */
  constructor(most: number) {
    this.#most = most;
    this.#rows = most;
  }

  get rows(): number {
    return this.#rows;
  }

  halve(): void {
    this.#rows = Math.max(1, this.#rows >> 1);
    this.#calm = 0;
  }

  wentWell(): void {
    this.#calm++;
    if (this.#calm < CALM_BATCHES) return;
    this.#calm = 0;
    this.#rows = Math.min(this.#most, this.#rows * 2);
  }
}
