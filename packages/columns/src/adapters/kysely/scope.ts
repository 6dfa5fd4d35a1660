/** What the names in one part of a query mean. */
import type { EncryptedColumn } from './encrypted-tables.ts';
import { nameOf, type Node, nodeAt, referredColumn } from './nodes.ts';
import { refuseAmbiguous } from './refusals.ts';

/** An encrypted column of a table, or what a subquery makes of it. */
export interface VisibleColumn {
  readonly name: string;
  readonly encrypted: EncryptedColumn;
  /** The columns of the same relation that hold its context, by the names of the context columns. */
  readonly context: ReadonlyMap<string, string>;
}

/** What stands in FROM: a table, a subquery, a common table expression. */
export interface Relation {
  /** In lower case. */
  readonly alias: string;
  /** How a reference names it. */
  readonly table: Node | undefined;
  /** Those that are encrypted, by their names in lower case. Of the others nothing is known. */
  readonly columns: ReadonlyMap<string, VisibleColumn>;
  /** Columns that are there for us alone. */
  readonly hidden: readonly string[];
}

interface Found {
  readonly relation: Relation;
  readonly column: VisibleColumn;
}

export class Scope {
  readonly relations: Relation[] = [];
  /** Common table expressions, by their names in lower case. */
  readonly named = new Map<string, Relation>();
  readonly #outer: Scope | undefined;
  /** Encrypted columns of the result: ORDER BY and GROUP BY know them by these names. In lower case. */
  #results: ReadonlyMap<string, string> = new Map();

  constructor(outer: Scope | undefined) {
    this.#outer = outer;
  }

  /** The same, for clauses that know the names of the result. @param results places by name */
  withResults(results: ReadonlyMap<string, string>): Scope {
    const scope = new Scope(this);
    scope.#results = results;
    return scope;
  }

  expression(name: string): Relation | undefined {
    return this.named.get(name.toLowerCase()) ?? this.#outer?.expression(name);
  }

  relation(table: Node): Relation | undefined {
    const alias = nameOf(table)?.toLowerCase();
    return this.relations.find((one) => one.alias === alias) ?? this.#outer?.relation(table);
  }

  /** The encrypted column that a reference is to, if it is one. @throws LockfastError `usage` where it could be several */
  find(node: Node): Found | undefined {
    const name = referredColumn(node)?.toLowerCase();
    if (name === undefined) return undefined;
    const table = nodeAt(node, 'table');
    if (table !== undefined) {
      const relation = this.relation(table);
      const column = relation?.columns.get(name);
      return relation === undefined || column === undefined ? undefined : { relation, column };
    }
    const found = this.relations.flatMap((relation) => {
      const column = relation.columns.get(name);
      return column === undefined ? [] : [{ relation, column }];
    });
    if (found.length > 1) throw refuseAmbiguous(name);
    return found[0] ?? this.#outer?.find(node);
  }

  /** The encrypted column that an expression names, for a message: also by a name of the result. */
  placeOf(node: Node): string | undefined {
    const result = nodeAt(node, 'table') === undefined ? this.#results.get(referredColumn(node)?.toLowerCase() ?? '') : undefined;
    return result ?? this.find(node)?.column.encrypted.place;
  }

  /** Whether an expression is the whole row of a table with encrypted columns: PostgreSQL takes the table's name for that. */
  isWholeRow(node: Node): boolean {
    if (node.kind === 'ReferenceNode' && nodeAt(node, 'table') !== undefined) return false;
    const name = (node.kind === 'TableNode' ? nameOf(node) : referredColumn(node))?.toLowerCase();
    return this.#all().some(({ alias, columns }) => alias === name && columns.size > 0);
  }

  /** An encrypted column of anything in reach that goes by this name. In lower case. */
  columnNamed(word: string): string | undefined {
    return this.#all().find(({ columns }) => columns.has(word))?.columns.get(word)?.encrypted.place;
  }

  #all(): Relation[] {
    return this.#outer === undefined ? this.relations : [...this.relations, ...this.#outer.#all()];
  }
}
