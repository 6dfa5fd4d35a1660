/** Puts a ring in its place that was opened by other means than the configured key sources: a backup, or shares. */
import { type Expected, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { type KeyRing, parseRing } from '@lockfast/core/keyring';

import { type Acceptance, raiseFloor } from '../ring-floors.ts';
import type { Workspace } from '../workspace.ts';
import type { NewRoot } from './new-root-key.ts';

const RING_MODE = 0o600;

interface Placement {
  readonly path: string;
  readonly stateDirectory: string;
  /** What was opened. */
  readonly opened: KeyRing;
  /** What takes its place. */
  readonly next: KeyRing;
  /** What lies at the path now. */
  readonly expected: Expected;
  /** For a ring that is older than one that this machine has seen. */
  readonly acceptance?: Acceptance | undefined;
}

/**
 * The new ring is durable when this returns.
 *
 * @param workspace where there is a configuration already: its ledger learns of the ring's new key first
 * @throws LockfastError `conflict`, `exists`, `busy`, `write-failed`, `ledger-unavailable`
 */
export async function placeRing(workspace: Workspace | undefined, { path, stateDirectory, opened, next, expected, acceptance }: Placement): Promise<void> {
  await withFileLock(stateDirectory, path, async () => {
    await (await workspace?.ledger())?.rewrapSigner(opened, next);
    writeDurably({ path, bytes: Buffer.from(next.print()), mode: RING_MODE, expected });
    workspace?.ringIs(next);
    await raiseFloor(stateDirectory, next.version, acceptance);
  });
}

/** Takes a new root key back when the ring that was to be wrapped for it did not come to be, and leaves it when it did. */
export async function orTakeBack<T>(root: NewRoot, path: string, action: () => Promise<T>): Promise<T> {
  const before = identityOf(path) === undefined ? undefined : generationAt(path);
  try {
    return await action();
  } catch (error) {
    // "was written, but": then the root key is needed.
    if (generationAt(path) === before) root.takeBack();
    throw error;
  }
}

function generationAt(path: string): number | undefined {
  try {
    return parseRing(readRegularFile(path, 'follow').bytes.toString('utf8'), path).generation;
  } catch {
    return undefined;
  }
}
