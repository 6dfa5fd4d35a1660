/** A search through all of a database, whatever is declared. */

/** Where values are known to be: a part of `ColumnTarget`. */
export interface DeclaredPlace {
  /** As SQL spells it. */
  readonly table: string;
  /** Not quoted. */
  readonly column: string;
  readonly path?: readonly string[];
}

export interface SearchedColumn {
  readonly name: string;
  /** What {@link SearchPage.rows} has of it. Arrays and composite values come as JSON; `json` may also hold what is none, where the database does not tell. */
  readonly form: 'text' | 'binary' | 'json';
  /** Whether a declaration can name it: arrays and their like it can not. */
  readonly declarable: boolean;
  /** What is declared of it: without a path all of it. */
  readonly declared: readonly DeclaredPlace[];
}

/** A table, or a part of one. */
export interface SearchedTable {
  /** As SQL spells it. A partition has the name of its table. */
  readonly name: string;
  /** Of what others hold: a materialized view, the content of a full-text index. */
  readonly copy: boolean;
  readonly columns: readonly SearchedColumn[];
  /** About how much there is to look at, in bytes. */
  readonly bytes: number;
  /** The database's own. */
  readonly handle: string;
}

/** What is not searched: `not-permitted` and `row-security` are a lack, the others as it should be. */
export interface LeftOut {
  /** A table, or one column of it. */
  readonly name: string;
  readonly why: 'not-permitted' | 'row-security' | 'foreign-table' | 'virtual-table' | 'type';
}

export interface SearchPage {
  /** Of each row that may hold something, the columns that may, in their order; null for the others. */
  readonly rows: readonly (readonly (string | Buffer | null)[])[];
  /** Where to go on; undefined at the end. */
  readonly next: string | undefined;
  /** How many of the table's bytes were looked at up to here. */
  readonly bytes: number;
}

/** Only what holds `lfv1.` or `gAAAAA` somewhere leaves the database, and of a long value the first {@link MOST_BYTES}. */
export interface DatabaseSearch {
  /** All tables with columns that may hold something. @param declared where values are known to be */
  tables(declared: readonly DeclaredPlace[]): Promise<{ readonly tables: readonly SearchedTable[]; readonly leftOut: readonly LeftOut[] }>;
  /**
   * A part of a table, in a transaction of its own, of some seconds at most: so the server keeps cleaning up. A row that is
   * rewritten meanwhile may move from a part that comes to one that has been.
   *
   * @param after where the page before ended; null at the start
   * @param size 1 is the usual one; smaller after a failure
   * @param share of all rows, spread over the table; 1: all
   */
  look(table: SearchedTable, after: string | null, size: number, share: number): Promise<SearchPage>;
  /** About how many rows it has. */
  rows(table: SearchedTable): Promise<number>;
}

/** Of one value. The longest that can be encrypted is shorter. */
export const MOST_BYTES = 32 * 2 ** 20;
/** Of one answer, but for its last row. */
export const ANSWER_BYTES = 8 * 2 ** 20;
