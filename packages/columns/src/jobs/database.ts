/** What a job needs of a database. One folder implements it for each kind: `postgres/`, `mysql/`, `sqlite/`. */
import type { ColumnFences } from './fence.ts';
import type { DatabaseSearch } from './search.ts';

import type { ReportedInstance } from '../instances/index.ts';

/** The characters of `lfv1.KEYID.`. */
export const START_CHARACTERS = 12;
/** The shortest encrypted value is an empty one as a Fernet token; of `lfv1`, 110. */
export const LEAST_CHARACTERS = 100;
export const LABEL_CHARACTERS = 200;
/** What pages and samples hold at most, but for one row: values are bounded, their sum is not. */
export const PAGE_BYTES = 8 * 2 ** 20;

/** Where the values of one encrypted column lie. */
export interface ColumnTarget {
  /** The column's stable id, which values are bound to: `integrations.slack.bot_token`. */
  readonly id: string;
  /** As SQL spells it, with or without a schema: `tenants`, `app."User"`. */
  readonly table: string;
  /** The column's name, not quoted. */
  readonly column: string;
  /** For a JSON column: the members that lead to the value. Empty or absent: all of the column. */
  readonly path?: readonly string[];
  /** The names of the columns that tell rows apart. Absent: the primary key. */
  readonly key?: readonly string[];
  /** The names of the context columns, in the order of the definition. */
  readonly context: readonly string[];
  /** The name of a column that reports may show in place of the key: its first {@link LABEL_CHARACTERS}. */
  readonly label?: string;
  /** How many characters the shortest value has; absent: {@link LEAST_CHARACTERS}. A column that holds fewer is refused. */
  readonly leastCharacters?: number;
  /** Settings of each transaction, for triggers to look at: `app.rotation` to `on`. */
  readonly set?: Readonly<Record<string, string>>;
}

/** The key columns of a row as text, in their order. */
export type RowKey = readonly string[];

export interface StoredRow {
  readonly key: RowKey;
  /** As it is stored: text, the bytes of a binary column, or the JSON text of what stands at the path. NULL, or no such member: null. */
  readonly value: string | Buffer | null;
  /** The context columns as text, in their order. */
  readonly context: readonly (string | null)[];
  readonly label: string | null;
}

/** Replaces one value, if value and context of the row still are what was read. */
export interface RowChange {
  readonly row: StoredRow;
  /** In the form of {@link StoredRow.value}. */
  readonly value: string | Buffer | null;
}

/** How far a job is. It is written in the transaction of the batch that it counts. */
export interface Checkpoint {
  /** `encrypt`, `rotate`, `decrypt` and what they convert to: a job of another kind starts anew. */
  readonly job: string;
  readonly pass: number;
  /** The last key that was looked at in this pass; null at its start. */
  readonly after: RowKey | null;
  /** What was counted so far, over all passes. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Why a job should wait a little: what others suffer from. */
export interface Pressure {
  /** Of the slowest replica, in milliseconds; undefined where there is none, or where this role may not see it. */
  readonly replicationLagMs: number | undefined;
  /** Sessions that wait for a lock of this job. */
  readonly lockWaiters: number;
}

/** One column of one table, looked up and found fit. */
export interface ColumnTable {
  /** What {@link StoredRow.value} holds. */
  readonly storage: 'text' | 'binary' | 'json';
  /** In the order in which rows are read, which is that of an index: not always as declared. */
  readonly key: readonly string[];
  /** How many characters a value may have; undefined: as many as there are. {@link write} refuses longer ones with `config-invalid`, the whole batch. */
  readonly room: number | undefined;
  /** `not-permitted`: this role may not keep any. {@link write} leaves them out, {@link checkpoint} knows of none. */
  readonly checkpoints: 'kept' | 'not-permitted';
  /** About how many rows there are, at once. */
  estimatedRows(): Promise<number>;
  /** How many bytes the longest value has, 0 where there is none: before anything is written, where {@link room} is limited. */
  longestValue(): Promise<number>;
  /**
   * The next rows in the order of their keys: none only at the end. Fewer than `limit` where values are long (see {@link PAGE_BYTES}), at least one.
   *
   * @param notUnder only those whose value does not begin with this text (`lfv1.kq2d5x.`), NULLs left out
   * @param upTo only those up to this key, it among them
   */
  read(after: RowKey | null, limit: number, notUnder?: string, upTo?: RowKey): Promise<readonly StoredRow[]>;
  /** The last key; undefined where there are no rows. */
  lastKey(): Promise<RowKey | undefined>;
  /** One row as it is now; undefined where it is gone. */
  row(key: RowKey): Promise<StoredRow | undefined>;
  /**
   * One transaction: each change whose row is still what was read, and the checkpoint.
   *
   * @returns for each change whether it was made
   */
  write(changes: readonly RowChange[], checkpoint: Checkpoint | undefined): Promise<readonly boolean[]>;
  /**
   * Rows by the start of their value: the first {@link START_CHARACTERS} of what begins `lfv1.` or `lfi1.`, `gAAAAA` for what begins so, ''
   * for anything else, of which nothing leaves the database. `null` counts rows without one.
   */
  census(): Promise<readonly { readonly start: string | null; readonly rows: number }[]>;
  /** A sample of the rows that have a value, spread over the table; fewer where values are long. */
  sample(rows: number): Promise<readonly StoredRow[]>;
  checkpoint(): Promise<Checkpoint | undefined>;
  forgetCheckpoint(): Promise<void>;
}

/** What kinds of databases differ in, as far as it matters to whoever runs a job. */
export interface DatabaseAbilities {
  /** Whether {@link Pressure.replicationLagMs} can be known at all: MySQL's primary does not know, SQLite has no replicas. */
  readonly replicationLag: boolean;
  /** Whether others write other rows while a batch is being written. Without it they wait for its end. */
  readonly concurrentWriters: boolean;
  /** What {@link ColumnTarget.set} sets: settings of the transaction, variables of the session (`@\`app.rotation\``), or nothing. */
  readonly settings: 'transaction' | 'user-variables' | 'none';
}

/**
 * One database, with the connections that a job needs. Whatever it throws is a `LockfastError`: `database-unavailable`,
 * `database-refused` (what the server would not do), `config-invalid` (no such table or column, a view), `busy`.
 */
export interface ColumnDatabase {
  readonly kind: 'postgres' | 'mysql' | 'sqlite';
  readonly abilities: DatabaseAbilities;
  /** Its URL without a password, for messages. */
  readonly place: string;
  /** @throws LockfastError `config-invalid`: no such table or column, a view, no key, a column type that holds no values */
  table(target: ColumnTarget): Promise<ColumnTable>;
  /** What keeps writes out of a column. @throws as {@link table} */
  fences(target: ColumnTarget): Promise<ColumnFences>;
  /** Through all of the database, whatever is declared. */
  search(): DatabaseSearch;
  /** For as long as the connection lives: another job on this column is refused. @throws LockfastError `busy` */
  lock(target: ColumnTarget): Promise<void>;
  pressure(): Promise<Pressure>;
  /**
   * The running applications that reported themselves, and those that are gone.
   *
   * @param table one that `INSTANCES_TABLE_NAME` matches
   * @throws LockfastError `config-invalid`: there is no such table
   */
  instances(table: string): Promise<readonly ReportedInstance[]>;
  /** What may be done about a failure that this database, or one of its tables, threw. After `reconnect` the next call connects anew. */
  readonly remedyOf: RemedyOf;
  close(): Promise<void>;
}

/** What a job may do about a failure of the database. */
export type Remedy = 'reconnect' | 'smaller-batch' | 'none';

/** Implemented by the error's maker: `remedyOf(error)` of each database's folder. */
export type RemedyOf = (error: unknown) => Remedy;
