/** One job a column: a lock that the kernel takes back when the process dies, however it dies. */
import { createHash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, openSync, rmSync, statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { LockfastError } from '@lockfast/core/errors';
import { lockExclusively, shownPath, sqliteResult, systemFailure } from '@lockfast/core/files';

import type { DatabaseFile } from './database-file.ts';
import { isBusy } from './failure.ts';

/** That of a job that was killed is gone with its process, which may still be ending. */
const KILLED_MS = 1_000;
const RETRY_MS = 50;

interface JobLock {
  readonly path: string;
  readonly database: DatabaseSync;
}

/**
 * Beside the database, whose directory SQLite writes to as well: an empty database for each column that a job is at, and an exclusive
 * transaction on it. Locks in the database itself would keep applications out. The file is removed with the lock; a
 * killed job leaves it, which keeps nobody out.
 */
export class JobLocks {
  readonly #file: DatabaseFile;
  readonly #held = new Map<string, JobLock>();

  constructor(file: DatabaseFile) {
    this.#file = file;
  }

  /** @throws LockfastError `busy`, `permission-denied`, `database-refused` */
  async take(table: string, column: string): Promise<void> {
    const shown = `${table}.${column}`;
    if (this.#held.has(shown)) return;
    const digest = createHash('sha256').update(JSON.stringify(['lockfast/column-job', table.toLowerCase(), column.toLowerCase()])).digest('hex');
    const path = `${this.#file.path}-lockfast-${digest.slice(0, 12)}`;
    const deadline = performance.now() + KILLED_MS;
    for (;;) {
      const database = await this.#tryLock(path);
      if (database !== undefined) {
        this.#held.set(shown, { path, database });
        return;
      }
      if (performance.now() > deadline) throw new LockfastError('busy', `another job works on ${shown} of ${this.#file.place}; \`fuser ${shownPath(path)}\` names its process`, 'wait until it ends, then run it again');
      await sleep(RETRY_MS);
    }
  }

  release(): void {
    for (const { path, database } of this.#held.values()) {
      // While it is locked: whoever opened it before sees that it has no name any more.
      rmSync(path, { force: true });
      database.close();
    }
    this.#held.clear();
  }

  async #tryLock(path: string): Promise<DatabaseSync | undefined> {
    const { DatabaseSync } = await import('node:sqlite');
    const before = this.#make(path);
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      lockExclusively(database);
      // Another job may have ended in between, and removed what is locked now.
      if (statSync(path, { throwIfNoEntry: false })?.ino === before) return database;
    } catch (error) {
      if (!isBusy(error)) {
        database.close();
        throw this.#unusable(path, error);
      }
    }
    database.close();
    return undefined;
  }

  /** As whoever may write the database: a job may run as root today, and tomorrow as the application's user. @returns its inode */
  #make(path: string): number {
    try {
      const { mode, uid, gid } = statSync(this.#file.path);
      try {
        const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
        try {
          if (process.geteuid?.() === 0) fchownSync(fd, uid, gid);
          fchmodSync(fd, mode & 0o666);
        } finally {
          closeSync(fd);
        }
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      return statSync(path).ino;
    } catch (error) {
      throw this.#unusable(path, error);
    }
  }

  #unusable(path: string, error: unknown): Error {
    const what = `the lock ${shownPath(path)} of a job can not be taken`;
    if (sqliteResult(error) !== undefined) return new LockfastError('database-refused', what, 'check that this user may write to the directory of the database', error);
    return systemFailure(error, what, 'database-refused');
  }
}
