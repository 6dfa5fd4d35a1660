/** A database of MySQL or MariaDB: one connection reads while another one writes. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnDatabase, ColumnTable, ColumnTarget, DatabaseAbilities, Pressure } from '../database.ts';
import { mayKeepCheckpoints } from './checkpoints.ts';
import { MysqlColumnTable } from './column-table.ts';
import { type Ask, JobConnection } from './connection.ts';
import { remedyOf } from './failure.ts';
import { JobLocks } from './job-locks.ts';
import { readPressure } from './pressure.ts';
import { type ServerAccess, serverAccess } from './server-access.ts';
import { reading, startOfLook, WRITE_MS, writing } from './session-settings.ts';
import { findTable } from './table-name.ts';
import { findShape } from './table-shape.ts';

/** MariaDB ends a batch by itself; MySQL does not, and a server that is gone needs this. */
const WRITE_REPLY_MS = WRITE_MS + 15_000;

/**
 * Connects, so that a wrong URL or password is found here.
 *
 * @param url `mysql://USER:PASSWORD@HOST/DATABASE?ssl-mode=VERIFY_IDENTITY`, `mariadb://USER@localhost/DATABASE?socket=/PATH`
 * @throws LockfastError `config-invalid`, `database-unavailable`, `database-refused`
 */
export async function openMysqlColumns(url: string): Promise<ColumnDatabase> {
  const database = new MysqlColumns(serverAccess(url));
  await database.connect();
  return database;
}

interface Server {
  readonly mariadb: boolean;
  /** In bytes. */
  readonly longestStatement: number;
}

class MysqlColumns implements ColumnDatabase {
  readonly kind = 'mysql';
  readonly abilities: DatabaseAbilities = { replicationLag: false, concurrentWriters: true, settings: 'user-variables' };
  readonly place: string;
  readonly remedyOf = remedyOf;
  readonly #locks = new JobLocks();
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;
  #server: Server | undefined;

  constructor(access: ServerAccess) {
    this.place = access.place;
    this.#reading = new JobConnection(access, undefined, async (ask) => await this.#set(ask, reading));
    this.#writing = new JobConnection(access, WRITE_REPLY_MS, async (ask, pooled) => {
      await this.#set(ask, writing);
      await this.#locks.takeAgain(ask, pooled);
    });
  }

  async connect(): Promise<void> {
    await this.#reading.use(async () => {});
  }

  async table(target: ColumnTarget): Promise<ColumnTable> {
    const shape = await this.#look(target, async (ask) => await findShape(ask, target, this.#server!.mariadb));
    // In a transaction that only reads, the server would not explain what it would take to write.
    const checkpoints = (await this.#reading.use(mayKeepCheckpoints)) ? 'kept' : 'not-permitted';
    return new MysqlColumnTable(target, shape, checkpoints, this.#server!.longestStatement, this.#reading, this.#writing);
  }

  async lock(target: ColumnTarget): Promise<void> {
    const { schema, table } = await this.#look(target, async (ask) => {
      await this.#refuseReadOnly(ask);
      return await findTable(ask, target.table);
    });
    await this.#writing.use(async (ask) => await this.#locks.take(ask, [schema, table], target.column.toLowerCase()));
  }

  async pressure(): Promise<Pressure> {
    const own = [this.#reading.id, this.#writing.id].filter((id) => id !== undefined);
    return await this.#reading.use(async (ask) => await readPressure(ask, this.#server!.mariadb, own));
  }

  async close(): Promise<void> {
    // A census takes minutes, and nobody waits for it any more; what is being written is written.
    this.#reading.abandon();
    await this.#writing.close();
  }

  async #set(ask: Ask, statements: (mariadb: boolean) => readonly string[]): Promise<void> {
    const [row] = (await ask('SELECT VERSION(), @@max_allowed_packet')).rows;
    const version = String(row?.[0]);
    const mariadb = /mariadb/i.test(version);
    const [major, minor] = version.replace(/^5\.5\.5-/, '').split('.').map((part) => Number.parseInt(part, 10)) as [number, number];
    if (mariadb ? major < 10 || (major === 10 && minor < 6) : major < 8) {
      throw new LockfastError('database-refused', `the server of ${this.place} is older than MySQL 8.0 and MariaDB 10.6`, 'upgrade it');
    }
    this.#server = { mariadb, longestStatement: Number(row?.[1]) };
    for (const statement of statements(mariadb)) await ask(statement);
  }

  /** A replica, mostly. One of a privileged user would take the writes, and no longer be one. */
  async #refuseReadOnly(ask: Ask): Promise<void> {
    const [row] = (await ask('SELECT @@GLOBAL.read_only, @@GLOBAL.innodb_read_only')).rows;
    if ((row ?? []).every((value) => ['0', 'OFF'].includes(String(value).toUpperCase()))) return;
    throw new LockfastError('database-refused', `the database ${this.place} is read-only, as a replica is`, 'name the primary in the URL');
  }

  async #look<T>(target: ColumnTarget, work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#reading.transaction(startOfLook(target.set ?? {}), work);
  }
}
