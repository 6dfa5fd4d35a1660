/** What failures of SQLite mean for a job. */
import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { primaryResult, shownPath, sqliteResult } from '@lockfast/core/files';

import type { Remedy } from '../database.ts';
import { AGAIN, type Meaning } from '../failure-meaning.ts';
import { FENCED, fenceIn } from '../fence.ts';
import type { DatabaseFile } from './database-file.ts';

const BUSY = 5;
const LOCKED = 6;
const CONSTRAINT = 19;

const NOT_WRITABLE: Meaning = { what: 'it may not be written here', hint: 'run it as the owner of the database, on a file system that is not read-only' };

/** By primary result code: https://www.sqlite.org/rescode.html. */
const CODES: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [1, { code: 'config-invalid', what: 'it does not know what the table needs: a table or column is gone, or a trigger, check or collation calls on the application', hint: 'check the declaration of the column, then run it again' }],
  [3, NOT_WRITABLE],
  [BUSY, { what: 'other programs held it for too long', hint: `\`fuser\` names who has the file open; ${AGAIN}` }],
  [LOCKED, { what: 'other programs held it for too long', hint: AGAIN }],
  [8, NOT_WRITABLE],
  [10, { what: 'the disk reported an I/O error', hint: 'see the kernel log and check the disk before anything is written there' }],
  [11, { what: 'it is damaged', hint: 'keep a copy of it with its -wal or -journal file, see `PRAGMA integrity_check`, and restore the newest backup' }],
  [13, { what: 'the disk, or the number of pages that the database may have, is full', hint: `free space there, then ${AGAIN}` }],
  [14, { code: 'database-unavailable', what: 'it can not be opened', hint: 'check that this user may read it and write to its directory' }],
  [15, { what: 'other programs held it for too long', hint: AGAIN }],
  [18, { what: 'a value is too large', hint: 'see in the application what it is' }],
  [26, { what: 'it is no database of SQLite, or it is encrypted as a whole', hint: 'name the file of the database' }],
]);

/** By extended result code: what kind of constraint it was. */
const CONSTRAINTS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [275, { what: 'a check does not let the value in', hint: 'drop or change the check' }],
  [787, { what: 'other rows refer to the value, or it refers to one', hint: 'a column that others refer to can not be encrypted: remove the foreign key' }],
  [1299, { what: 'the column takes no NULL', hint: 'let it take NULL first' }],
  [1811, { what: 'a trigger refused the change', hint: "let the trigger leave encrypted values alone: WHEN NEW.COLUMN NOT LIKE 'lfv1.%'" }],
  [2067, { what: 'a value is there already, and must be unique', hint: 'remove the unique index of the column: encrypted values all differ' }],
  [3091, { what: 'the column does not take values of this type', hint: 'encrypted values need TEXT or BLOB' }],
]);

/** What SQLite reported. Only its code: a trigger can put a value in the message. */
class Reported extends Error {
  readonly result: number;

  constructor(result: number) {
    super(`SQLite result ${result}`);
    this.result = result & 0xff;
  }
}

/** @param error whatever `node:sqlite` threw */
export function databaseFailure(error: unknown, file: DatabaseFile): Error {
  if (error instanceof LockfastError) return error;
  const extended = sqliteResult(error);
  if (extended === undefined) return error instanceof Error ? error : new Error(String(error));
  const result = extended & 0xff;
  const fence = extended === 1811 && error instanceof Error ? fenceIn(error.message) : undefined;
  if (fence !== undefined) return new LockfastError('database-refused', `the database ${file.place}: ${FENCED.what} (${fence})`, FENCED.hint, new Reported(extended));
  const { code = 'database-refused', what, hint } = CONSTRAINTS.get(extended) ?? toldBySystem(result, file) ?? CODES.get(result) ?? { what: `SQLite reported ${extended}`, hint: `see https://www.sqlite.org/rescode.html, then ${AGAIN}` };
  return new LockfastError(code, `the database ${file.place}: ${what}${named(error, extended)}`, hint, new Reported(extended));
}

/** What a job may do about it. There is no connection that could be lost. */
export function remedyOf(error: unknown): Remedy {
  return error instanceof LockfastError && error.cause instanceof Reported && isWait(error.cause.result) ? 'smaller-batch' : 'none';
}

/** Whether others are in the way, and soon may not be. @param error whatever `node:sqlite` threw */
export function isBusy(error: unknown): boolean {
  const result = primaryResult(error);
  return result !== undefined && isWait(result);
}

/** SQLITE_PROTOCOL: another program was faster to use the WAL, again and again. */
function isWait(result: number): boolean {
  return result === BUSY || result === LOCKED || result === 15;
}

/** SQLite can't say which of them it was: the file, its directory, or one of the files beside it. */
function toldBySystem(result: number, { path }: DatabaseFile): Meaning | undefined {
  if (result !== 3 && result !== 8 && result !== 14) return undefined;
  if (refusalOf(path, constants.R_OK) === 'EACCES') return { what: `${shownPath(path)} may not be read`, hint: 'run it as the owner of the database' };
  for (const file of [path, dirname(path), `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
    const refusal = refusalOf(file, constants.W_OK);
    if (refusal === 'EROFS') return { what: 'its file system is read-only', hint: 'remount it writable' };
    if (refusal !== 'EACCES') continue;
    const hint = file === path ? NOT_WRITABLE.hint : 'SQLite writes there, too: run it as the owner of the database, or change the permissions';
    return { what: `${shownPath(file)} may not be written`, hint };
  }
  return undefined;
}

function refusalOf(file: string, mode: number): string | undefined {
  try {
    accessSync(file, mode);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : undefined;
  }
}

/** The names that SQLite gives with a constraint: of columns, or of a check. */
function named(error: unknown, extended: number): string {
  if ((extended & 0xff) !== CONSTRAINT || extended === 1811 || !(error instanceof Error)) return '';
  const [, name] = /^(?:UNIQUE|CHECK|NOT NULL) constraint failed: (.{1,200})$/.exec(error.message) ?? [];
  return name === undefined ? '' : ` (${name})`;
}
