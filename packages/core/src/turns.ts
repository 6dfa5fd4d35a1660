/** Users of one thing, one after the other, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** A turn that failed is over like any other. */
  async take<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return await turn;
  }

  /** When all who have come by now have had theirs. */
  async over(): Promise<void> {
    await this.#last;
  }
}
