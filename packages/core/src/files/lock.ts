import { AsyncLocalStorage } from 'node:async_hooks';
import { accessSync, constants } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

import { LockfastError } from '../errors.ts';
import { prepareLockFile } from './lock-file.ts';
import { shownPath } from './shown-path.ts';
import { lockExclusively, primaryResult } from './sqlite.ts';
import { systemFailure } from './system-failure.ts';
import { sweepTempFiles } from './temp-file.ts';

/** How long to wait for another run. An edit of one file takes milliseconds; a person waiting wants to know after this. */
const LOCK_WAIT_MS = 10_000;
const LONGEST_PAUSE_MS = 25;

const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

/** A lock that the code now running was called under, and the ones around it. */
interface Held {
  readonly file: string;
  readonly around: Held | undefined;
  released: boolean;
}

const calledUnder = new AsyncLocalStorage<Held>();

/**
 * Runs an action while no other Lockfast, in this process or another one, works on the directory that `path` is in.
 * First removes what killed runs left of this file.
 *
 * The lock is an exclusive transaction on an empty SQLite database: see {@link lockExclusively}. A stopped process keeps
 * its lock, so it can't wake up as a second writer. The state directory must be on a file system whose locks work.
 *
 * Re-entrant: code that runs under the lock, and asks for the lock of the same directory again, goes ahead under the
 * one that it has. Two such inner calls at the same time do not exclude each other. Independent callers in one process
 * do. The waiting is not SQLite's, which would block the event loop: signal handlers run, and so does the holder when it
 * is in this process. Who waits is not served in order.
 *
 * @param waitMs how long to wait until `busy`; every caller but a test leaves it
 * @throws LockfastError `busy`; `not-a-file` when the path names a directory; `not-found` when its directory is missing;
 *   `permission-denied` or `write-failed` when the state directory can't be used; and what `action` throws
 */
export async function withFileLock<T>(stateDirectory: string, path: string, action: () => T | Promise<T>, waitMs: number = LOCK_WAIT_MS): Promise<T> {
  const deadline = performance.now() + waitMs;
  const file = prepareLockFile(stateDirectory, path);
  const around = calledUnder.getStore();
  if (isHeld(file, around)) {
    sweepTempFiles(path);
    return await action();
  }
  const database = await lockDatabase(file, path, deadline);
  const held: Held = { file, around, released: false };
  try {
    sweepTempFiles(path);
    return await calledUnder.run(held, action);
  } finally {
    held.released = true;
    // Rolls back, and gives the lock up.
    database.close();
  }
}

/** `released`: what an action started and did not wait for still carries the store when the lock is gone. */
function isHeld(file: string, innermost: Held | undefined): boolean {
  for (let held = innermost; held !== undefined; held = held.around) {
    if (held.file === file && !held.released) return true;
  }
  return false;
}

async function lockDatabase(file: string, path: string, deadline: number): Promise<DatabaseSync> {
  // Not at the top: it costs 10 ms of start-up, and most commands take no lock.
  const sqlite = await import('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new sqlite.DatabaseSync(file, { timeout: 0 });
    for (let pause = 1; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        lockExclusively(database);
        return database;
      } catch (error) {
        if (primaryResult(error) !== SQLITE_BUSY) throw error;
        if (performance.now() >= deadline) throw busy(file, path, error);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  } catch (error) {
    database?.close();
    throw error instanceof LockfastError ? error : unusable(file, error);
  }
}

function busy(file: string, path: string, cause?: unknown): LockfastError {
  return new LockfastError(
    'busy',
    `${shownPath(path)} is in use by another lockfast, which holds the lock of its directory`,
    `wait until it is done, then run it again; \`fuser ${shownPath(file)}\` names it`,
    cause,
  );
}

function unusable(file: string, error: unknown): Error {
  const result = primaryResult(error);
  if (result === undefined) return error instanceof Error ? error : new Error(String(error));
  if (result === SQLITE_CANTOPEN || result === SQLITE_READONLY) {
    // SQLite does not say why; the system does.
    try {
      accessSync(file, constants.R_OK | constants.W_OK);
    } catch (reason) {
      return systemFailure(reason, `the lock ${shownPath(file)} can not be taken`, 'write-failed');
    }
  }
  const said = error instanceof Error ? error.message : '';
  return new LockfastError('write-failed', `the lock ${shownPath(file)} can not be taken: ${said}`, 'remove that file while no lockfast runs, then run it again', error);
}
