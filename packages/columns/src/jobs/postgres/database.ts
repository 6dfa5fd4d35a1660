/** A database of PostgreSQL: one connection reads while another one writes. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnDatabase, ColumnTable, ColumnTarget, DatabaseAbilities, Pressure } from '../database.ts';
import { instanceOf, instanceStatements, noInstances, type ReportedInstance } from '../../instances/index.ts';
import { mayKeepCheckpoints } from './checkpoints.ts';
import { PostgresColumnTable } from './column-table.ts';
import { type Ask, JobConnection } from './connection.ts';
import { remedyOf, reports } from './failure.ts';
import { JobLocks } from './job-locks.ts';
import { readPressure } from './pressure.ts';
import { type ServerAccess, serverAccess } from './server-access.ts';
import { findTable } from './table-name.ts';
import { findShape } from './table-shape.ts';
import { startOfSurvey, WRITE_MS } from './transaction-start.ts';

/** The server ends a batch by itself; only one that is gone, or waits for a replica that is, needs this. */
const WRITE_REPLY_MS = WRITE_MS + 15_000;

/**
 * Connects, so that a wrong URL or password is found here.
 *
 * @param url of libpq: `postgres://USER:PASSWORD@HOST/DATABASE?sslmode=verify-full`, `postgres:///DATABASE?host=/DIRECTORY`
 * @throws LockfastError `config-invalid`, `database-unavailable`, `database-refused`
 */
export async function openPostgresColumns(url: string): Promise<ColumnDatabase> {
  const database = new PostgresColumns(serverAccess(url));
  await database.connect();
  return database;
}

class PostgresColumns implements ColumnDatabase {
  readonly kind = 'postgres';
  readonly abilities: DatabaseAbilities = { replicationLag: true, concurrentWriters: true, settings: 'transaction' };
  readonly place: string;
  readonly remedyOf = remedyOf;
  readonly #locks = new JobLocks();
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;

  constructor(access: ServerAccess) {
    this.place = access.place;
    this.#reading = new JobConnection(access, undefined, async () => {});
    this.#writing = new JobConnection(access, WRITE_REPLY_MS, this.#locks.prepare);
  }

  async connect(): Promise<void> {
    await this.#reading.use(async () => {});
  }

  async table(target: ColumnTarget): Promise<ColumnTable> {
    return await this.#look(target, async (ask) => {
      const shape = await findShape(ask, target);
      return new PostgresColumnTable(target, shape, (await mayKeepCheckpoints(ask)) ? 'kept' : 'not-permitted', this.#reading, this.#writing);
    });
  }

  async lock(target: ColumnTarget): Promise<void> {
    const { name } = await this.#look(target, async (ask) => {
      await this.#refuseReplica(ask);
      return await findTable(ask, target.table);
    });
    await this.#writing.use(async (ask) => await this.#locks.take(ask, name, target.column));
  }

  async pressure(): Promise<Pressure> {
    const processes = [this.#reading.process, this.#writing.process].filter((process) => process !== undefined);
    return await this.#reading.use(async (ask) => await readPressure(ask, processes));
  }

  async instances(table: string): Promise<readonly ReportedInstance[]> {
    const { read } = instanceStatements('postgres', table);
    try {
      const rows = await this.#look({}, async (ask) => await ask(read));
      return rows.map((row) => instanceOf(row, table));
    } catch (error) {
      throw reports(error, '42P01', '3F000') ? noInstances(this.place, table) : error;
    }
  }

  async close(): Promise<void> {
    // A census takes minutes, and nobody waits for it any more; what is being written is written.
    await Promise.all([this.#reading.abandon(), this.#writing.close()]);
  }

  /** It would let a job lock and read, and refuse its first write with a code that says nothing. */
  async #refuseReplica(ask: Ask): Promise<void> {
    const [row] = await ask('SELECT pg_is_in_recovery()');
    if (row?.[0] === true) throw new LockfastError('database-refused', `the database ${this.place} is a replica, which takes no writes`, 'name the primary in the URL');
  }

  async #look<T>(target: Pick<ColumnTarget, 'set'>, work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#reading.transaction(startOfSurvey(target.set ?? {}), work);
  }
}
