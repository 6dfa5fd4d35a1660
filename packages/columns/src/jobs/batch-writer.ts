import type { Checkpoint, ColumnTable, RowChange } from './database.ts';
import type { RowFate } from './convert-page.ts';
import type { PageSize } from './page-size.ts';
import type { Patience } from './patience.ts';

/** Pages on which nothing was changed need no transaction each; so often they leave a checkpoint, in milliseconds. */
const IDLE_CHECKPOINT_MS = 2000;

/** What was done with some rows that follow each other. */
export interface WrittenRows<F extends RowFate> {
  readonly fates: readonly F[];
  /** For each of them whether its new value stands now. */
  readonly made: readonly boolean[];
}

/** Writes the changes of a page, in as many transactions as it takes. */
export class BatchWriter {
  readonly #table: ColumnTable;
  readonly #size: PageSize;
  readonly #patience: Patience;
  #lastCheckpoint = performance.now();

  constructor(table: ColumnTable, size: PageSize, patience: Patience) {
    this.#table = table;
    this.#size = size;
    this.#patience = patience;
  }

  /**
   * @param checkpointAfter these rows, as if each change were made: the transaction can't know yet which are not. So the counts of a
   *   killed job may take conflicts of its last batch for changes; whoever goes on meets those rows again all the same
   * @param written is told after each commit
   */
  async write<F extends RowFate>(fates: readonly F[], checkpointAfter: (rows: readonly F[]) => Checkpoint, written: (rows: WrittenRows<F>) => void): Promise<void> {
    const parts: { readonly fates: readonly F[]; readonly uncertain: boolean }[] = [{ fates, uncertain: false }];
    for (;;) {
      const part = parts.shift();
      if (part === undefined) return;
      const changes = part.fates.flatMap(({ row, value }): RowChange[] => (value === undefined ? [] : [{ row, value }]));
      if (changes.length === 0 && performance.now() - this.#lastCheckpoint < IDLE_CHECKPOINT_MS) {
        written({ fates: part.fates, made: part.fates.map(() => false) });
        continue;
      }
      let answers: readonly boolean[];
      try {
        answers = await this.#table.write(changes, checkpointAfter(part.fates));
        // The connection may have been lost between the commit and its answer: then what is not as it was read is our own.
        if (part.uncertain) answers = await Promise.all(changes.map(async (change, i) => answers[i]! || (await this.#stands(change))));
      } catch (error) {
        const remedy = await this.#patience.after(error);
        if (remedy === 'reconnect') parts.unshift({ fates: part.fates, uncertain: true });
        else parts.unshift(...halves(part.fates).map((half) => ({ fates: half, uncertain: part.uncertain })));
        continue;
      }
      this.#lastCheckpoint = performance.now();
      this.#patience.wentWell();
      this.#size.wentWell();
      let at = 0;
      written({ fates: part.fates, made: part.fates.map(({ value }) => value !== undefined && answers[at++]!) });
    }
  }

  async #stands({ row, value }: RowChange): Promise<boolean> {
    const now = await this.#table.row(row.key);
    if (now === undefined) return false;
    return typeof now.value === 'string' || now.value === null ? now.value === value : typeof value === 'object' && value !== null && now.value.equals(value);
  }
}

function halves<F>(fates: readonly F[]): (readonly F[])[] {
  if (fates.length < 2) return [fates];
  const half = fates.length >> 1;
  return [fates.slice(0, half), fates.slice(half)];
}
