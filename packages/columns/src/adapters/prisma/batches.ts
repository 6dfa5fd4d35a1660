/** The values of one call, taken together at its end: a thousand rows are then one batch a column. */
import type { Column } from '../../column.ts';
import type { ColumnContext } from '../../column-context.ts';
import type { Stored } from '../../stored-format.ts';

interface Pending<From, To> {
  readonly column: Column<unknown>;
  readonly from: From;
  readonly context: ColumnContext | undefined;
  readonly put: (to: To) => void;
}

export type Encryption = Pending<unknown, Stored | null>;
export type Decryption = Pending<Stored, unknown>;

/** All or nothing. @throws LockfastError as `Column.encrypt` */
export function encryptAll(pending: readonly Encryption[]): void {
  for (const [column, some] of Map.groupBy(pending, (one) => one.column)) {
    putAll(some, (value, context) => column.encrypt(value, context), (values, contexts) => column.encryptBatch(values, contexts));
  }
}

/** One value that does not open fails them all. @throws LockfastError as `Column.decrypt` */
export function decryptAll(pending: readonly Decryption[]): void {
  for (const [column, some] of Map.groupBy(pending, (one) => one.column)) {
    putAll(some, (stored, context) => column.decrypt(stored, context), (stored, contexts) => column.decryptBatch(stored, contexts));
  }
}

/** A refusal in a batch says which value of how many it is about: of a single one there is nothing to say. */
function putAll<From, To>(
  pending: readonly Pending<From, To>[],
  one: (from: From, context: ColumnContext | undefined) => To,
  many: (from: readonly From[], contexts: readonly (ColumnContext | undefined)[]) => readonly To[],
): void {
  const [first] = pending;
  if (first !== undefined && pending.length === 1) return first.put(one(first.from, first.context));
  const results = many(
    pending.map(({ from }) => from),
    pending.map(({ context }) => context),
  );
  pending.forEach(({ put }, i) => put(results[i]!));
}
