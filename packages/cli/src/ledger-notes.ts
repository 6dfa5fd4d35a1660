/** Which ledger this machine has written to at a path: one that is gone, or another one in its place, is noticed by that. */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath, systemFailure, withFileLock, writeDurably } from '@lockfast/core/files';
import { prepareKnownCheckpoints } from '@lockfast/ledger';

/** The log id of the ledger at `path`, as it was noted; undefined where this machine has seen none. */
export function notedLedger(path: string, stateDirectory: string): string | undefined {
  try {
    return /^([a-z2-7]{16}) /.exec(readFileSync(noteFile(path, stateDirectory), 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/** Where the state directory can't be written, nothing is noted and nothing fails: another machine or user has the note. */
export async function noteLedger(path: string, logId: string, stateDirectory: string): Promise<void> {
  const file = noteFile(path, stateDirectory);
  try {
    prepareKnownCheckpoints(stateDirectory);
    await withFileLock(stateDirectory, file, () => writeDurably({ path: file, bytes: Buffer.from(`${logId} ${path}\n`), mode: 0o600, expected: 'anything' }));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
  }
}

/** @throws LockfastError `permission-denied`, `write-failed` */
export function forgetLedger(path: string, stateDirectory: string): void {
  const file = noteFile(path, stateDirectory);
  try {
    rmSync(file, { force: true });
  } catch (error) {
    throw systemFailure(error, `${shownPath(file)} was not removed`, 'write-failed');
  }
}

/** @throws LockfastError `ledger-rewound`: an empty ledger in the place of a full one proves nothing about the past */
export function refuseAnotherLedger(path: string, logId: string, stateDirectory: string): void {
  const noted = notedLedger(path, stateDirectory);
  if (noted === undefined || noted === logId) return;
  throw new LockfastError(
    'ledger-rewound',
    `the ledger ${path} is ${logId}, and this machine has written to ${noted} there`,
    'put that one back; if this one is to go on in its place: lockfast ledger accept-restored --reason WHY',
  );
}

function noteFile(path: string, stateDirectory: string): string {
  return join(stateDirectory, 'ledgers', `at-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`);
}
