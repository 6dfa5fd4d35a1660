/** A database of SQLite: one connection reads while another one writes. */
import type { ColumnDatabase, ColumnTable, ColumnTarget, DatabaseAbilities, Pressure } from '../database.ts';
import { SqliteColumnTable } from './column-table.ts';
import { JobConnection } from './connection.ts';
import { DatabaseFile } from './database-file.ts';
import { remedyOf } from './failure.ts';
import { JobLocks } from './job-locks.ts';
import { findColumns } from './table-columns.ts';
import { findTable } from './table-name.ts';
import { findShape } from './table-shape.ts';

/** It can still roll back what a killed program left in a journal. */
const READING = 'PRAGMA query_only = ON';
/**
 * FULL: what a checkpoint says is done is on the disk. secure_delete: where plaintext stood, there are zeros. The journal mode is
 * the application's.
 */
const WRITING = 'PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON; PRAGMA recursive_triggers = OFF';

/**
 * Opens it, so that a wrong path is found here.
 *
 * @param path of the file, which must be there
 * @throws LockfastError `database-unavailable`, `database-refused`
 */
export async function openSqliteColumns(path: string): Promise<ColumnDatabase> {
  const database = new SqliteColumns(new DatabaseFile(path));
  await database.connect();
  return database;
}

class SqliteColumns implements ColumnDatabase {
  readonly kind = 'sqlite';
  readonly abilities: DatabaseAbilities = { replicationLag: false, concurrentWriters: false, settings: 'none' };
  readonly place: string;
  readonly remedyOf = remedyOf;
  readonly #file: DatabaseFile;
  readonly #locks: JobLocks;
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;

  constructor(file: DatabaseFile) {
    this.place = file.place;
    this.#file = file;
    this.#locks = new JobLocks(file);
    this.#reading = new JobConnection(file, READING);
    this.#writing = new JobConnection(file, WRITING);
  }

  async connect(): Promise<void> {
    await this.#reading.use(() => {});
  }

  async table(target: ColumnTarget): Promise<ColumnTable> {
    const shape = await this.#reading.use((ask) => findShape(ask, target));
    return new SqliteColumnTable(target, shape, this.#reading, this.#writing);
  }

  async lock(target: ColumnTarget): Promise<void> {
    const [table, column] = await this.#reading.use((ask) => {
      const found = findTable(ask, target.table);
      return [found.name, findColumns(ask, found, [target.column])[0]!.name] as const;
    });
    this.#file.refuseReadOnly();
    await this.#locks.take(table, column);
  }

  /** There are no replicas, and SQLite does not know who waits. */
  pressure(): Promise<Pressure> {
    return Promise.resolve({ replicationLagMs: undefined, lockWaiters: 0 });
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.close(), this.#writing.close()]);
    this.#locks.release();
  }
}
