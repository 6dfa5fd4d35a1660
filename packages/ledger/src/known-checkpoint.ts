/**
 * The newest checkpoint that this machine knows of, in a file outside the ledger: who puts an old copy of the ledger
 * back, or writes it anew, contradicts it. Its first three lines are those of a checkpoint; signatures follow, but for
 * a ledger that was restored and not signed since.
 */
import { dirname, join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, giveDirectoryToOwnerOf, ownerForNewIn, readRegularFile, writeDurably } from '@lockfast/core/files';

import { type Checkpoint, checkpointIn } from './checkpoint-text.ts';

const MOST_BYTES = 64 * 1024;

export function knownCheckpointFile(stateDirectory: string, logId: string): string {
  return join(stateDirectory, 'ledgers', `${logId}.checkpoint`);
}

/**
 * @returns undefined where there is none
 * @throws LockfastError `ledger-rewound` when it is no checkpoint; `permission-denied`, `read-failed` and their like
 */
export function readKnownCheckpoint(path: string): Checkpoint | undefined {
  let text: string;
  try {
    text = readRegularFile(path, 'refuse', MOST_BYTES).bytes.toString('latin1');
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'not-found') return undefined;
    throw error;
  }
  const known = checkpointIn(text);
  if (known === undefined) {
    throw new LockfastError('ledger-rewound', `${path} is no checkpoint of a ledger`, 'find out who changed it; to go on without it: lockfast ledger accept-restored --reason WHY');
  }
  return known;
}

/** Call it under `withFileLock` of the path. @throws LockfastError as `writeDurably` */
export function writeKnownCheckpoint(path: string, text: string): void {
  writeDurably({ path, bytes: Buffer.from(text), mode: 0o600, owner: ownerForNewIn(dirname(dirname(path))), expected: 'anything' });
}

/** The directory of these files, before the lock in it is taken. @throws LockfastError `permission-denied`, `write-failed` */
export function prepareKnownCheckpoints(stateDirectory: string): void {
  const directory = join(stateDirectory, 'ledgers');
  if (ensureDirectory(directory) === directory) giveDirectoryToOwnerOf(stateDirectory, directory);
}
