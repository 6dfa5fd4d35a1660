/** A database of SQLite: one connection reads while another one writes. */
import { instanceOf, instanceStatements, noInstances, type ReportedInstance } from '../../instances/index.ts';
import type { ColumnDatabase, ColumnTable, ColumnTarget, DatabaseAbilities, Pressure } from '../database.ts';
import type { ColumnFences } from '../fence.ts';
import type { DatabaseSearch } from '../search.ts';
import { SqliteColumnTable } from './column-table.ts';
import { JobConnection } from './connection.ts';
import { DatabaseFile } from './database-file.ts';
import { SqliteSearch } from './discovery.ts';
import { remedyOf } from './failure.ts';
import { SqliteFences } from './fences.ts';
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

/** A batch is tried again with fewer rows; a look that is refused may be the job's first one, and ends it. */
const WRITE_MS = 2_000;
const READ_MS = 30_000;

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
    this.#reading = new JobConnection(file, READING, READ_MS);
    this.#writing = new JobConnection(file, WRITING, WRITE_MS);
  }

  async connect(): Promise<void> {
    await this.#reading.use(() => {});
  }

  async table(target: ColumnTarget): Promise<ColumnTable> {
    const shape = await this.#reading.use((ask) => findShape(ask, target));
    return new SqliteColumnTable(target, shape, this.#reading, this.#writing);
  }

  async fences(target: ColumnTarget): Promise<ColumnFences> {
    const shape = await this.#reading.use((ask) => findShape(ask, target));
    return new SqliteFences(target, shape, this.#reading, this.#writing);
  }

  search(): DatabaseSearch {
    return new SqliteSearch(this.#reading);
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

  async instances(table: string): Promise<readonly ReportedInstance[]> {
    const { read } = instanceStatements('sqlite', table);
    const rows = await this.#reading.use((ask) => {
      try {
        return [...ask(read)];
      } catch (error) {
        throw error instanceof Error && error.message.startsWith('no such table') ? noInstances(this.place, table) : error;
      }
    });
    return rows.map((row) => instanceOf(row, table));
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.close(), this.#writing.close()]);
    this.#locks.release();
  }
}
