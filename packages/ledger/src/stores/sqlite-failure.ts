import { type ErrorCode, LockfastError } from '@lockfast/core/errors';
import { shownPath, systemFailure } from '@lockfast/core/files';

interface Cause {
  readonly code?: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const DAMAGED: Cause = {
  code: 'ledger-tampered',
  what: 'the database is damaged',
  hint: 'keep a copy of it with its -wal file, restore the newest backup, then run `lockfast ledger accept-restored --reason WHY`',
};

const BUSY: Cause = { what: 'another process holds it', hint: 'run it again; `fuser` names who has the file open' };

const NOT_WRITABLE: Cause = { what: 'it may not be written here', hint: 'run it as the owner of the ledger, on a file system that is not read-only' };

/** What the primary result codes mean for a ledger: https://www.sqlite.org/rescode.html. The rest is named by SQLite's own words. */
const CAUSES: ReadonlyMap<number, Cause> = new Map<number, Cause>([
  [3, NOT_WRITABLE], // SQLITE_PERM
  [5, BUSY], // SQLITE_BUSY
  [6, BUSY], // SQLITE_LOCKED
  [8, NOT_WRITABLE], // SQLITE_READONLY
  [10, { what: 'the disk reported an I/O error', hint: 'see the kernel log and check the disk before anything is written there' }], // SQLITE_IOERR
  [11, DAMAGED], // SQLITE_CORRUPT
  [13, { what: 'the disk is full', hint: 'free space on its file system, then run it again' }], // SQLITE_FULL
  [14, { what: 'it can not be opened', hint: 'check that it is a file, and that its directory may be written: the -wal and -shm files are made there' }], // SQLITE_CANTOPEN
  [26, DAMAGED], // SQLITE_NOTADB
]);

/** The primary result code of an error of SQLite's, which is the lower byte of the extended one; undefined for other errors. */
function resultOf(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined;
}

/** Whether it may work when it is tried again soon. */
export function isBusy(error: unknown): boolean {
  const result = resultOf(error);
  return result === 5 || result === 6;
}

/** An error of SQLite's or of the system's as one that a person can act on; any other comes back as it is. */
export function sqliteFailure(error: unknown, path: string): Error {
  const result = resultOf(error);
  if (result === undefined) return systemFailure(error, `the ledger ${shownPath(path)} can not be used`, 'ledger-unavailable');
  const said = error instanceof Error ? error.message : '';
  const { code = 'ledger-unavailable', what, hint } = CAUSES.get(result) ?? { what: said, hint: 'run `lockfast ledger verify`' };
  return new LockfastError(code, `the ledger ${shownPath(path)} can not be used: ${what}`, hint, error);
}

/** For rows that SQLite gives back and that no append wrote so. */
export function damagedRow(place: string, what: string): LockfastError {
  return new LockfastError('ledger-tampered', `the ledger ${place}: ${what}`, 'run `lockfast ledger verify`, and restore the newest backup');
}
