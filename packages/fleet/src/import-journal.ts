/**
 * What an import is at, so that the same command finishes it, or puts everything back, when it was killed. One file a
 * tenant, `<directory>/<tenant>.json`, beside the key ring; it is gone when the import has ended. It holds no secret.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, readRegularFile, removeDurably, withFileLock, writeDurably } from '@lockfast/core/files';

const FORMAT = 'lockfast-tenant-import/1';
const MOST_BYTES = 64 * 1024;

export interface ImportJournal {
  readonly format: typeof FORMAT;
  readonly tenant: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly started: string;
  /** `forward`: the tenant is being encrypted. `back`: it did not come up, and gets its plaintext back. */
  readonly direction: 'forward' | 'back';
  /** Why it goes back. */
  readonly because: string | null;
  /** The directory of its backup, by name. */
  readonly backup: string;
  /** The plaintext as it was. */
  readonly plain: { readonly mode: number; readonly uid: number; readonly gid: number; readonly changedMs: number };
  /** The permission bits of its directory. */
  readonly directoryMode: number;
  /** Whether its encrypted file stood there before, with the same content. */
  readonly wasEncrypted: boolean;
  /** Whether its service ran. */
  readonly wasRunning: boolean;
}

/** @throws LockfastError `damaged` for one that can't be read, `permission-denied` */
export function openImports(directory: string): ImportJournal[] {
  if (identityOf(directory) === undefined) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => readJournal(join(directory, name)));
}

/** Durably, over the one before. What a killed run left of it is removed. */
export async function writeJournal(directory: string, journal: Omit<ImportJournal, 'format'>, stateDirectory: string): Promise<ImportJournal> {
  ensureDirectory(directory);
  const written: ImportJournal = { format: FORMAT, ...journal };
  const path = join(directory, `${journal.tenant}.json`);
  await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes: Buffer.from(`${JSON.stringify(written, null, 2)}\n`), mode: 0o600, expected: 'anything' }));
  return written;
}

export function endJournal(directory: string, { tenant }: Pick<ImportJournal, 'tenant'>): void {
  const path = join(directory, `${tenant}.json`);
  const identity = identityOf(path);
  if (identity !== undefined) removeDurably(path, identity);
}

function readJournal(path: string): ImportJournal {
  try {
    const journal = JSON.parse(readRegularFile(path, 'refuse', MOST_BYTES).bytes.toString('utf8')) as ImportJournal;
    const { plain, directoryMode, wasEncrypted, wasRunning } = journal;
    const whole =
      journal.format === FORMAT &&
      ['forward', 'back'].includes(journal.direction) &&
      [journal.tenant, journal.started, journal.backup].every((text) => typeof text === 'string' && text !== '') &&
      /^[A-Za-z0-9._-]+$/.test(journal.backup) &&
      [directoryMode, plain.mode, plain.uid, plain.gid, plain.changedMs].every((number) => typeof number === 'number') &&
      [wasEncrypted, wasRunning].every((flag) => typeof flag === 'boolean');
    if (whole) return journal;
  } catch (error) {
    if (error instanceof LockfastError) throw error;
  }
  throw new LockfastError('damaged', `${path} is damaged`, 'see in its directory and in the backups what state the tenant is in, then move the file away');
}
