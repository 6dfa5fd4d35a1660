/** One connection to a database. SQLite answers at once, and meanwhile nothing else runs in this process: what is asked stays short. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';

import { Turns } from '@lockfast/core/turns';

import type { DatabaseFile } from './database-file.ts';
import { databaseFailure, isBusy } from './failure.ts';

/** Drawn anew each time, so that nobody who waits is always the one too late. SQLite's own wait would stop signals and progress. */
const LONGEST_PAUSE_MS = 8;
/** How values come: see {@link SqlRow}. */
export const VALUES = { readBigInts: true, returnArrays: true };

/** Values in the order of the statement; integers as bigint, since they have 64 bits. */
export type SqlRow = readonly SQLOutputValue[];

/** Asks on one connection, within one turn of the process. */
export interface Ask {
  /** Row for row: who leaves early reads no more. */
  (text: string, ...values: SQLInputValue[]): IterableIterator<SqlRow>;
  first(text: string, ...values: SQLInputValue[]): SqlRow | undefined;
  /** @returns how many rows were changed */
  run(text: string, ...values: SQLInputValue[]): number;
  /** In a database of its own, in memory and empty. */
  apart<T>(work: (ask: Ask) => T): T;
}

interface Connected {
  readonly database: DatabaseSync;
  readonly ask: Ask;
}

export class JobConnection {
  readonly #file: DatabaseFile;
  readonly #prepare: string;
  readonly #waitMs: number;
  readonly #turns = new Turns();
  #connected: Connected | undefined;

  /**
   * @param prepare the statements that the connection begins with
   * @param waitMs how long to wait for other programs before the job is told
   */
  constructor(file: DatabaseFile, prepare: string, waitMs: number) {
    this.#file = file;
    this.#prepare = prepare;
    this.#waitMs = waitMs;
  }

  /**
   * Several questions with no one else's on this connection between them. While others are in the way it is begun anew.
   *
   * @throws LockfastError `database-unavailable`, `database-refused`, `config-invalid`
   */
  async use<T>(work: (ask: Ask) => T): Promise<T> {
    return await this.#turns.take(async () => await this.#patiently(({ ask }) => work(ask)));
  }

  /**
   * One transaction, with the place of the one writer before anything is read. It is begun, done and committed in one turn: whoever waits
   * for that place, in this process or another, waits for no one but SQLite.
   *
   * @throws as {@link use}
   */
  async transaction<T>(work: (ask: Ask) => T): Promise<T> {
    return await this.#turns.take(async () => {
      this.#file.refuseIfReplaced();
      const deadline = performance.now() + this.#waitMs;
      const { result, committed } = await this.#patiently(({ database, ask }) => inTransaction(database, () => work(ask)), deadline);
      if (!committed) await this.#commit(deadline);
      this.#file.refuseIfReplaced();
      return result;
    });
  }

  /** What is being asked gets its answer first. */
  async close(): Promise<void> {
    await this.#turns.over();
    this.#connected?.database.close();
    this.#connected = undefined;
  }

  /** With a rollback journal those who read are in the way, while nobody new may begin to. */
  async #commit(deadline: number): Promise<void> {
    const { database } = this.#connected!;
    try {
      await this.#patiently(() => database.exec('COMMIT'), deadline);
    } finally {
      if (database.isTransaction) database.exec('ROLLBACK');
    }
  }

  async #patiently<T>(work: (connected: Connected) => T, deadline = performance.now() + this.#waitMs): Promise<T> {
    // Signals, timers and other connections have theirs.
    await nextTurn();
    for (;;) {
      try {
        this.#connected ??= await this.#connect();
        return work(this.#connected);
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw databaseFailure(error, this.#file);
      }
      await sleep(pause());
    }
  }

  async #connect(): Promise<Connected> {
    // Not at the top: most who import this look at no database.
    const { DatabaseSync } = await import('node:sqlite');
    const url = pathToFileURL(this.#file.path);
    // A file that is not there is not made; one that may not be written is opened for reading.
    url.searchParams.set('mode', 'rw');
    const database = new DatabaseSync(url, { timeout: 0, ...VALUES });
    try {
      database.exec(this.#prepare);
      // What opens and prepares reads nothing of the file.
      database.prepare('SELECT count(*) FROM sqlite_schema').get();
      return { database, ask: asking(database, () => new DatabaseSync(':memory:', VALUES)) };
    } catch (error) {
      database.close();
      throw error;
    }
  }
}

/** @returns not committed where others are in the way of that alone */
function inTransaction<T>(database: DatabaseSync, work: () => T): { readonly result: T; readonly committed: boolean } {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    try {
      database.exec('COMMIT');
      return { result, committed: true };
    } catch (error) {
      if (!isBusy(error) || !database.isTransaction) throw error;
      return { result, committed: false };
    }
  } catch (error) {
    // A failure may have ended it already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function pause(): number {
  return 1 + Math.random() * LONGEST_PAUSE_MS;
}

/** Compiling a statement costs as much as running it, so each is compiled once. @param database opened with {@link VALUES} */
export function asking(database: DatabaseSync, inMemory: () => DatabaseSync): Ask {
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    let statement = statements.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      statements.set(text, statement);
    }
    return statement;
  };
  // Typed for rows as objects; `returnArrays` makes them arrays.
  const ask = (text: string, ...values: SQLInputValue[]): IterableIterator<SqlRow> => prepared(text).iterate(...values) as unknown as IterableIterator<SqlRow>;
  return Object.assign(ask, {
    first: (text: string, ...values: SQLInputValue[]) => prepared(text).get(...values) as unknown as SqlRow | undefined,
    run: (text: string, ...values: SQLInputValue[]) => Number(prepared(text).run(...values).changes),
    apart: <T>(work: (apart: Ask) => T): T => {
      const other = inMemory();
      try {
        return work(asking(other, inMemory));
      } finally {
        other.close();
      }
    },
  });
}
