/** Where a value that does not open would open: what explains most of those that were moved. */
import type { ColumnDatabase, ColumnTable, RowKey, StoredRow } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';
import type { Unreadable } from './standing.ts';
import type { StoredValues } from './stored-values.ts';
import { walkColumn } from './walk.ts';

/** One declared column and what reads its values. */
export interface ReadableColumn {
  readonly declared: DeclaredColumn;
  readonly values: StoredValues;
}

/** As what, or as whose, a value opens. */
export interface Origin {
  /** The id of the column. */
  readonly column: string;
  /** A row with the context that it opens in; undefined where it opens as that column's in its own row, or context is not what it takes. */
  readonly row?: RowKey;
}

export interface Search {
  readonly opens?: Origin;
  /** Whether everything was tried. Else there are more contexts, or more such values, than are tried. */
  readonly complete: boolean;
}

/** Of one column, different ones. They are kept in memory. */
const MOST_CONTEXTS = 50_000;
/** In all, some ten seconds to a minute. */
const MOST_TRIES = 2_000_000;
const TRIES_AT_ONCE = 1000;

interface Contexts {
  readonly rows: readonly Pick<StoredRow, 'key' | 'context'>[];
  readonly complete: boolean;
}

/** Searches for the origin of values of one column: other columns of this database, other rows, and so other tenants. */
export class Origins {
  readonly #database: ColumnDatabase;
  readonly #own: ReadableColumn;
  readonly #storage: ColumnTable['storage'];
  readonly #others: readonly ReadableColumn[];
  readonly #contexts = new Map<string, Promise<Contexts>>();
  readonly #tables = new Map<string, Promise<ColumnTable>>();
  #triesLeft = MOST_TRIES;

  constructor(database: ColumnDatabase, own: ReadableColumn, storage: ColumnTable['storage'], all: readonly ReadableColumn[]) {
    this.#database = database;
    this.#own = own;
    this.#storage = storage;
    this.#others = all.filter(({ declared }) => declared.id !== own.declared.id);
  }

  async of(row: StoredRow, { code, shredded }: Unreadable): Promise<Search> {
    // Its key is gone: every row of the tenant would be searched for in vain.
    if (shredded !== undefined) return { complete: true };
    // A Fernet token is bound to no place, but columns have lists of keys of their own.
    if (code === 'invalid-token') return this.#underOtherKeys(row);
    // With another key, or with bytes missing, it is no other place that would help.
    const ofTenants = [this.#own, ...this.#others].some(({ declared }) => declared.tenantKey === 'own');
    // In the row of another tenant a value is under another key, too.
    if (code !== 'moved-or-altered' && code !== 'invalid-context' && !(ofTenants && code === 'wrong-key')) return { complete: true };
    const inThisRow = await this.#inThisRow(row);
    if (inThisRow !== undefined) return { opens: inThisRow, complete: true };
    let complete = true;
    for (const column of [this.#own, ...this.#others]) {
      const search = await this.#inOtherRows(row, column);
      if (search.opens !== undefined) return search;
      complete &&= search.complete;
    }
    return { complete };
  }

  #underOtherKeys(row: StoredRow): Search {
    const column = this.#others.find(({ values }) => this.#opensAt([row], values) !== -1);
    return { ...(column === undefined ? {} : { opens: { column: column.declared.id } }), complete: true };
  }

  /** As another column's, where two were swapped or a column took another id. */
  async #inThisRow(row: StoredRow): Promise<Origin | undefined> {
    for (const { declared, values } of this.#others) {
      const sibling = declared.table === this.#own.declared.table ? await (await this.#tableOf(declared)).row(row.key).catch(() => undefined) : undefined;
      const contexts = [row.context, ...(sibling === undefined ? [] : [sibling.context])].filter(({ length }) => length === declared.context.length);
      if (this.#opensAt(contexts.map((context) => ({ ...row, context })), values) !== -1) return { column: declared.id };
    }
    return undefined;
  }

  async #inOtherRows(row: StoredRow, { declared, values }: ReadableColumn): Promise<Search> {
    // Without a context all rows are one place, which was tried.
    if (declared.context.length === 0) return { complete: true };
    const { rows, complete } = await this.#contextsOf(declared);
    for (let from = 0; from < rows.length; from += TRIES_AT_ONCE) {
      if (this.#triesLeft <= 0) return { complete: false };
      const some = rows.slice(from, from + TRIES_AT_ONCE);
      this.#triesLeft -= some.length;
      const at = this.#opensAt(some.map(({ context }) => ({ ...row, context })), values);
      if (at !== -1) return { opens: { column: declared.id, row: some[at]!.key }, complete: true };
    }
    return { complete };
  }

  #opensAt(rows: readonly StoredRow[], values: StoredValues): number {
    return values.classify(rows, this.#storage).findIndex(({ kind }) => kind === 'encrypted');
  }

  async #contextsOf(declared: DeclaredColumn): Promise<Contexts> {
    let contexts = this.#contexts.get(declared.id);
    if (contexts === undefined) {
      contexts = this.#readContexts(declared);
      this.#contexts.set(declared.id, contexts);
    }
    return await contexts;
  }

  async #readContexts(declared: DeclaredColumn): Promise<Contexts> {
    const found = new Map<string, Pick<StoredRow, 'key' | 'context'>>();
    for await (const rows of walkColumn(this.#database, declared, await this.#tableOf(declared))) {
      for (const { key, context } of rows) {
        const text = JSON.stringify(context);
        if (context.includes(null) || found.has(text)) continue;
        if (found.size === MOST_CONTEXTS) return { rows: [...found.values()], complete: false };
        found.set(text, { key, context });
      }
    }
    return { rows: [...found.values()], complete: true };
  }

  async #tableOf(declared: DeclaredColumn): Promise<ColumnTable> {
    let table = this.#tables.get(declared.id);
    if (table === undefined) {
      table = this.#database.table(declared);
      this.#tables.set(declared.id, table);
    }
    return await table;
  }
}
