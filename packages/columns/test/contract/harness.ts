/** What an adapter under test can do, in words that no ORM has: the suite speaks only these. */
import type { Column, JsonValue } from '@lockfast/columns';

import type { TestDatabase } from './databases.ts';
import type { DatabaseKind } from './tables.ts';

export interface OrganizationRow {
  readonly id: string;
  readonly name: string;
  /** Encrypted, bound to nothing but its column. */
  readonly signingKey: string | null;
}

export interface ConnectionRow {
  readonly id: number;
  readonly orgId: string;
  readonly label: string | null;
  /** Encrypted, as all that follow; bound to the organization. */
  readonly botToken: string | null;
  readonly certificate: Uint8Array | null;
  readonly settings: JsonValue;
  /** A Fernet token, bound to nothing. */
  readonly recoveryCode: string | null;
}

/** Where a value is left out, the column gets NULL, or stays as it is. */
export type NewConnection = Pick<ConnectionRow, 'id' | 'orgId'> & Partial<ConnectionRow>;
export type ConnectionChanges = { readonly [Name in Exclude<keyof ConnectionRow, 'id'>]?: ConnectionRow[Name] | undefined };

/** The encrypted columns of the tables in `tables.ts`. */
export interface ContractColumns {
  readonly signingKey: Column<string>;
  readonly botToken: Column<string>;
  readonly certificate: Column<Uint8Array>;
  readonly settings: Column<JsonValue>;
  readonly recoveryCode: Column<string>;
}

/** How one connection is found: an adapter that needs the organization for the context uses it, the others may. */
type ConnectionPlace = Pick<ConnectionRow, 'id' | 'orgId'>;

/** One connection to the database through the ORM with its adapter; inside a transaction, the transaction. */
export interface ContractSession {
  insertOrganization(row: OrganizationRow): Promise<void>;
  /** @returns the row as the ORM hands it out after an insert, or what a find gives where it hands out nothing */
  insert(row: NewConnection): Promise<ConnectionRow>;
  /** In one statement. */
  insertMany(rows: readonly NewConnection[]): Promise<void>;
  find(id: number): Promise<ConnectionRow | null>;
  /** By id. */
  findMany(orgId: string): Promise<ConnectionRow[]>;
  /** Only these columns of the row, as the user asked for them. */
  findToken(id: number): Promise<{ readonly botToken: string | null } | null>;
  findOrganization(id: string): Promise<(OrganizationRow & { readonly connections: readonly ConnectionRow[] }) | null>;
  /** @param changes `undefined` members are left out */
  update(place: ConnectionPlace, changes: ConnectionChanges): Promise<void>;
  updateMany(orgId: string, changes: ConnectionChanges): Promise<void>;
  /** Inserts the row, or changes the one that has this id. */
  upsert(row: NewConnection, changes: ConnectionChanges): Promise<void>;
  delete(id: number): Promise<void>;
  /** Finds the rows whose token is this one: what no adapter can do, and each must refuse. */
  findByToken(botToken: string): Promise<unknown>;
  orderByToken(): Promise<unknown>;
  /** Rows without a token: a question that stays possible. */
  findWithoutToken(): Promise<ConnectionRow[]>;
  /** An organization with its connections in one call of the ORM. */
  insertNested(row: OrganizationRow, connections: readonly Omit<NewConnection, 'orgId'>[]): Promise<void>;
  /** Rolled back where the work throws. */
  transaction<T>(work: (session: ContractSession) => Promise<T>): Promise<T>;
}

export interface OpenSession extends ContractSession {
  close(): Promise<void>;
}

/** Where an ORM connects to: a URL, or the path of SQLite's file. */
export type DatabasePlace = Pick<TestDatabase, 'kind' | 'url'>;

/** What an adapter may lack. Each is a line of the table in its guide. */
export type Ability =
  | 'nested-writes'
  | 'upsert'
  | 'refuses-filters'
  /** A context column that is changed without the values bound to it is refused; without this, such values are an error at the next read. */
  | 'refuses-context-changes'
  /** Columns are read without their context columns being asked for; without this, that is refused. */
  | 'adds-context-columns'
  /** Transactions on several connections; where an ORM has one connection, they would become one. */
  | 'transactions-at-once';

/** Why, for the title of the skipped test. */
export type Lacks = Readonly<Partial<Record<Ability, string>>>;

export interface AdapterUnderTest {
  readonly name: string;
  /** The databases that it serves, and what it lacks on each. */
  readonly databases: Readonly<Partial<Record<DatabaseKind, Lacks>>>;
  /** What the ORM and its driver log of each statement, parameters included, goes to `log`. */
  open(place: DatabasePlace, columns: ContractColumns, log: (line: string) => void): Promise<OpenSession>;
}
