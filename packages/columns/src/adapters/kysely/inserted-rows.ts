/** The rows of an INSERT, each encrypted for the place that it says itself. */
import type { ColumnContext } from '../../index.ts';
import { literalOf } from './changes.ts';
import type { EncryptedColumn, EncryptedColumns } from './encrypted-tables.ts';
import type { Expressions } from './expressions.ts';
import { nameOf, type Node, nodesAt, parameter } from './nodes.ts';
import { refuseUnknownContext, refuseValue } from './refusals.ts';
import type { Scope } from './scope.ts';

/** One value of a row: as it is, or computed by the database. */
type Cell = { readonly value: unknown } | { readonly node: Node };

export class InsertedRows {
  readonly #names: readonly string[];
  readonly #rows: Cell[][];
  readonly #lists: readonly Node[];

  /** @param values a `ValuesNode` */
  constructor(columns: readonly Node[], values: Node) {
    this.#names = columns.map((column) => nameOf(column)!.toLowerCase());
    this.#lists = nodesAt(values, 'values');
    this.#rows = this.#lists.map(cellsOf);
  }

  get count(): number {
    return this.#rows.length;
  }

  has(column: string): boolean {
    return this.#names.includes(column.toLowerCase());
  }

  /** What all rows have in a column; undefined where they differ, or one has no value there. */
  common(column: string): { readonly value: unknown } | undefined {
    const cells = this.#rows.map((row) => row[this.#names.indexOf(column.toLowerCase())]);
    const [first] = cells;
    if (first === undefined || !('value' in first) || first.value === null) return undefined;
    return cells.every((cell) => cell !== undefined && 'value' in cell && cell.value === first.value) ? first : undefined;
  }

  /** @throws LockfastError `usage`, `invalid-context`; and as `Column.encrypt` */
  encrypt(encrypted: EncryptedColumns): void {
    this.#names.forEach((name, index) => {
      const column = encrypted.get(name);
      if (column !== undefined) this.#encryptColumn(column, index);
    });
  }

  /** The rows as nodes again. */
  lists(scope: Scope, expressions: Expressions): Node[] {
    return this.#lists.map((list, i) => {
      const cells = this.#rows[i]!;
      if (list.kind === 'PrimitiveValueListNode') return { ...list, values: cells.map((cell) => ('value' in cell ? cell.value : undefined)) };
      return { ...list, values: cells.map((cell) => ('value' in cell ? parameter(cell.value) : expressions.checked(cell.node, scope))) };
    });
  }

  #encryptColumn(encrypted: EncryptedColumn, index: number): void {
    const values = this.#rows.map((row) => {
      const cell = row[index]!;
      if ('value' in cell) return cell.value;
      // The rows differ in their columns: one that is left out is NULL, never a default in plaintext.
      if (cell.node.kind === 'DefaultInsertValueNode') return null;
      throw refuseValue(encrypted.place);
    });
    const contexts = this.#rows.map((row, i) => (values[i] === null ? undefined : this.#contextIn(encrypted, row)));
    const stored = encrypted.column.encryptBatch(values, contexts);
    this.#rows.forEach((row, i) => (row[index] = { value: stored[i] === null ? null : encrypted.form.toDriver(stored[i]!) }));
  }

  #contextIn({ place, context }: EncryptedColumn, row: readonly Cell[]): ColumnContext | undefined {
    if (context.length === 0) return undefined;
    const values: Record<string, unknown> = {};
    for (const name of context) {
      const cell = row[this.#names.indexOf(name.toLowerCase())];
      if (cell === undefined || !('value' in cell) || cell.value === null) throw refuseUnknownContext(place, name, 'insert');
      values[name] = cell.value;
    }
    // What it may hold is the context's to check.
    return values as ColumnContext;
  }
}

function cellsOf(list: Node): Cell[] {
  if (list.kind === 'PrimitiveValueListNode') return (list['values'] as readonly unknown[]).map((value) => ({ value }));
  return nodesAt(list, 'values').map((node) => literalOf(node) ?? { node });
}
