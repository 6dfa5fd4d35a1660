import type { Column } from '../../column.ts';
import type { ColumnContext } from '../../column-context.ts';
import type { Stored } from '../../stored-format.ts';

interface Pending {
  readonly value: unknown;
  readonly context: ColumnContext | undefined;
  readonly put: (stored: Stored | null) => void;
}

/** The values of one call, encrypted together at its end: a thousand rows are then one batch a column. */
export class Encryptions {
  readonly #pending = new Map<Column<unknown>, Pending[]>();

  add(column: Column<unknown>, pending: Pending): void {
    const others = this.#pending.get(column);
    if (others === undefined) this.#pending.set(column, [pending]);
    else others.push(pending);
  }

  /** All or nothing. @throws LockfastError as `Column.encrypt` */
  run(): void {
    for (const [column, pending] of this.#pending) {
      const [only, ...others] = pending;
      if (only !== undefined && others.length === 0) only.put(column.encrypt(only.value, only.context));
      else {
        const stored = column.encryptBatch(
          pending.map(({ value }) => value),
          pending.map(({ context }) => context),
        );
        pending.forEach(({ put }, i) => put(stored[i]!));
      }
    }
  }
}
