/** Finds and opens the ledger that the configuration names. */
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, shownPath, systemFailure, withFileLock } from '@lockfast/core/files';
import { createSqliteLedger, Ledger, type LedgerStore, openSqliteLedger } from '@lockfast/ledger';

import { currentActor } from './actor.ts';
import type { Configuration } from './configuration.ts';
import { forgetLedger, notedLedger, noteLedger, refuseAnotherLedger } from './ledger-notes.ts';
import type { Session } from './session.ts';

/**
 * Opens the ledger. A SQLite file that this machine has never seen is made: a second developer's clone, a new container.
 * One that it has seen and that is gone is not: who removes the record must not get a fresh one that says nothing.
 *
 * @throws LockfastError `ledger-missing`, `ledger-unavailable`, `ledger-tampered`
 */
export async function openLedger(place: string, { textLog }: Pick<Configuration, 'textLog'>, stateDirectory: string, session: Session): Promise<Ledger> {
  const store = await openStore(place, stateDirectory);
  const ledger = await Ledger.open(store, { actor: currentActor(session), stateDirectory, textLog });
  if (ledger.rewound === undefined && existsSync(join(stateDirectory, 'break-glass'))) {
    const { recordBrokenGlass } = await import('./break-glass.ts');
    await recordBrokenGlass(ledger, shownPlace(place), stateDirectory);
  }
  return ledger;
}

/** A place as it may be shown and kept: without the password of a URL, which may also stand among its parameters. @throws LockfastError `config-invalid` */
export function shownPlace(place: string): string {
  if (place.startsWith('sqlite:')) return place;
  const url = URL.parse(place);
  if (url === null) throw new LockfastError('config-invalid', 'the URL of the ledger is not one of PostgreSQL', 'write it as postgres://USER@HOST/DATABASE');
  const host = url.searchParams.get('host');
  url.password = '';
  url.search = host === null ? '' : `?host=${host}`;
  return url.href;
}

/** The file of a ledger that is one. */
export function ledgerFile(place: string): string | undefined {
  return place.startsWith('sqlite:') ? place.slice('sqlite:'.length) : undefined;
}

/** Its client is loaded where one is configured. @throws LockfastError as `openPostgresLedger` */
export async function openPostgres(url: string): Promise<LedgerStore> {
  const { openPostgresLedger } = await import('@lockfast/ledger/stores/postgres');
  return openPostgresLedger(url);
}

async function openStore(place: string, stateDirectory: string): Promise<LedgerStore> {
  const path = ledgerFile(place);
  if (path === undefined) return openPostgres(place);
  const made = await openMade(path, stateDirectory);
  if (made !== undefined) return made;
  if (notedLedger(path, stateDirectory) !== undefined) {
    throw new LockfastError('ledger-missing', `the ledger ${path} is gone: this machine has written to it before`, 'restore it from a backup; to begin a new one on purpose: lockfast ledger create --reason WHY');
  }
  return createLedger(path, stateDirectory);
}

/** Makes a new ledger at `path`, and notes that it is there. @throws LockfastError `exists`, `ledger-unavailable` */
export async function createLedger(path: string, stateDirectory: string): Promise<LedgerStore> {
  ensureDirectory(dirname(path));
  return withFileLock(stateDirectory, path, async () => {
    // Another process may have been here first.
    const made = await openMade(path, stateDirectory);
    if (made !== undefined) return made;
    removeLedger(path, stateDirectory);
    const store = await createSqliteLedger(path);
    await noteLedger(path, store.logId, stateDirectory);
    return store;
  });
}

/**
 * The ledger that is there. Undefined where there is none, and for a file without tables: a run was killed, or refused by the
 * disk, before they were made, and nothing was ever recorded in it.
 */
async function openMade(path: string, stateDirectory: string): Promise<LedgerStore | undefined> {
  if (identityOf(path) === undefined) return undefined;
  try {
    return await openKnown(path, stateDirectory);
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'ledger-missing') return undefined;
    throw error;
  }
}

/** For what did not come to be: the ledger that {@link createLedger} made, and the note of it. @throws LockfastError `permission-denied`, `write-failed` */
export function removeLedger(path: string, stateDirectory: string): void {
  try {
    for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
  } catch (error) {
    throw systemFailure(error, `what a run left of the ledger ${shownPath(path)} was not removed`, 'write-failed');
  }
  forgetLedger(path, stateDirectory);
}

async function openKnown(path: string, stateDirectory: string): Promise<LedgerStore> {
  const store = await openSqliteLedger(path);
  try {
    refuseAnotherLedger(path, store.logId, stateDirectory);
  } catch (error) {
    await store.close();
    throw error;
  }
  if (notedLedger(path, stateDirectory) === undefined) await noteLedger(path, store.logId, stateDirectory);
  return store;
}
