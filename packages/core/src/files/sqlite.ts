/** What every user of SQLite here needs to know of it: how one program has a database alone, and what its errors say. */
import type { DatabaseSync } from 'node:sqlite';

/**
 * The journal in memory: on the disk it would be one more file to be killed on, or refused by a full disk. The write, which
 * is rolled back, because on a database that it may only read SQLite turns BEGIN EXCLUSIVE into a shared lock, without a
 * word: two processes would both go ahead.
 */
const TAKE_LOCK = 'PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; PRAGMA user_version = 1';

/**
 * Takes an empty database as a lock, until its connection is closed. SQLite takes `fcntl` locks, which no descriptor
 * inherits and which the kernel takes back when the process dies, however it dies.
 *
 * @throws what SQLite says: SQLITE_BUSY while another connection has it
 */
export function lockExclusively(database: DatabaseSync): void {
  database.exec(TAKE_LOCK);
}

/** The extended result code of an error of SQLite's; undefined for other errors. https://www.sqlite.org/rescode.html */
export function sqliteResult(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}

/** The primary one, which is its lower byte. */
export function primaryResult(error: unknown): number | undefined {
  const extended = sqliteResult(error);
  return extended === undefined ? undefined : extended & 0xff;
}
