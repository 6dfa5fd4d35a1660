import { accessSync, constants, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { primaryResult, shownPath, systemFailure } from '@lockfast/core/files';

interface Cause {
  readonly code?: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const RESTORE = 'keep a copy of it with its -wal file, restore the newest backup, then run `lockfast ledger accept-restored --reason WHY`';

const DAMAGED: Cause = { code: 'ledger-tampered', what: 'the database is damaged', hint: RESTORE };

const BUSY: Cause = { what: 'another process holds it', hint: 'run it again; `fuser` names who has the file open' };

const FULL: Cause = { what: 'the disk is full', hint: 'free space on its file system, then run it again' };

const NOT_WRITABLE: Cause = { what: 'it may not be written here', hint: 'run it as the owner of the ledger, on a file system that is not read-only' };

/** What the primary result codes mean for a ledger: https://www.sqlite.org/rescode.html. The rest is named by SQLite's own words. */
const CAUSES: ReadonlyMap<number, Cause> = new Map<number, Cause>([
  [3, NOT_WRITABLE], // SQLITE_PERM
  [5, BUSY], // SQLITE_BUSY
  [6, BUSY], // SQLITE_LOCKED
  [8, NOT_WRITABLE], // SQLITE_READONLY
  [10, { what: 'the disk reported an I/O error', hint: 'see the kernel log and check the disk before anything is written there' }], // SQLITE_IOERR
  [11, DAMAGED], // SQLITE_CORRUPT
  [13, FULL], // SQLITE_FULL
  [14, { what: 'it can not be opened', hint: 'check that it is a file, and that its directory may be written: the -wal and -shm files are made there' }], // SQLITE_CANTOPEN
  [26, DAMAGED], // SQLITE_NOTADB
]);

/** What stands behind several result codes, and the system tells. */
const NOT_ALL_TOLD: ReadonlySet<number> = new Set([3, 8, 10, 14]);

/** The -shm file is made by SQLite a page of 4 KiB at a time, up to this; then the index of the WAL is full. */
const SHM_BYTES = 32 * 1024;

/** Node refuses to read an integer that no number holds exactly. Nothing here writes one. */
function isOutOfRange(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_OUT_OF_RANGE';
}

/** Whether it may work when it is tried again soon. */
export function isBusy(error: unknown): boolean {
  const result = primaryResult(error);
  return result === 5 || result === 6;
}

/** An error of SQLite's or of the system's as one that a person can act on; any other comes back as it is. */
export function sqliteFailure(error: unknown, path: string): Error {
  const result = primaryResult(error);
  if (isOutOfRange(error)) return new LockfastError('ledger-tampered', `the ledger ${shownPath(path)} can not be used: it holds a number that was never written there`, RESTORE, error);
  if (result === undefined) return systemFailure(error, `the ledger ${shownPath(path)} can not be used`, 'ledger-unavailable');
  const said = error instanceof Error ? error.message : '';
  const told = NOT_ALL_TOLD.has(result) ? causeBySystem(path) : undefined;
  // Our statements fit every ledger that is up to date: what one of them does not find was taken away.
  const lacks: Cause | undefined = result === 1 ? { code: 'ledger-tampered', what: said, hint: RESTORE } : undefined;
  const { code = 'ledger-unavailable', what, hint } = told ?? lacks ?? CAUSES.get(result) ?? { what: said, hint: 'run `lockfast ledger verify`' };
  return new LockfastError(code, `the ledger ${shownPath(path)} can not be used: ${what}`, hint, error);
}

/**
 * SQLite says of a -shm file that a full disk refused that it was an I/O error, or can't be opened; and of one that may not
 * be written, that the database may not.
 */
function causeBySystem(path: string): Cause | undefined {
  const directory = dirname(path);
  try {
    for (const file of [directory, path, `${path}-wal`, `${path}-shm`]) {
      const refusal = refusalToWrite(file);
      if (refusal === 'EROFS') return { what: 'its file system is read-only', hint: 'remount it writable' };
      if (refusal === 'EACCES' && file === directory) return { what: 'its directory may not be written, where the -wal and -shm files are made', hint: 'run it as the owner of the ledger, or change the permissions of the directory' };
      // Left by a time when the database itself was read-only: SQLite gives both files the mode of the database.
      if (refusal === 'EACCES' && file !== path) return { what: `${shownPath(file)} may not be written`, hint: 'give it the owner and mode of the ledger: run `chown --reference` and `chmod --reference` with both, as root' };
      if (refusal === 'EACCES') return NOT_WRITABLE;
    }
    const { bavail, bsize, files, ffree } = statfsSync(directory);
    return bavail * bsize < SHM_BYTES || (files > 0 && ffree === 0) ? FULL : undefined;
  } catch {
    return undefined;
  }
}

function refusalToWrite(file: string): string | undefined {
  try {
    accessSync(file, constants.W_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : undefined;
  }
}

/** For rows that SQLite gives back and that no append wrote so. */
export function damagedRow(place: string, what: string): LockfastError {
  return new LockfastError('ledger-tampered', `the ledger ${place}: ${what}`, 'run `lockfast ledger verify`, and restore the newest backup');
}
