/**
 * Several files put in place as `writeDurably` does one, with their syncs at the same time: one commit of the file
 * system's journal then serves many of them.
 */
import { closeSync, fsync } from 'node:fs';
import { dirname } from 'node:path';

import { type DurableWrite, takeName, writeInto } from './durable-write.ts';
import { refuseUnlessExpected } from './expected-target.ts';
import type { FileIdentity } from './file-identity.ts';
import { shownPath } from './shown-path.ts';
import { openDirectory, refuseUnsynced, splitTarget } from './synced-directory.ts';
import { systemFailure } from './system-failure.ts';
import { createTempFile, discardTempFile, newTempName } from './temp-file.ts';

/** Bytes that lie beside their target, and are not synced yet. It holds two descriptors until {@link placeAll}. */
export interface Staged {
  readonly path: string;
  /** What is to be replaced. */
  readonly expected: FileIdentity;
  readonly temp: string;
  readonly fd: number;
  readonly directory: number;
}

/**
 * Writes the bytes beside their target. Call it, and then {@link placeAll}, under `withFileLock` of the path.
 *
 * @throws LockfastError as `writeDurably`; then nothing is left
 */
export function stage(write: DurableWrite & { readonly expected: FileIdentity }): Staged {
  const { path, expected } = write;
  const split = splitTarget(path);
  const directory = openDirectory(split.directory);
  try {
    refuseUnlessExpected(path, expected);
    const temp = `${split.directory}/${newTempName(split.name)}`;
    const fd = createTempFile(temp, path);
    try {
      writeInto(fd, write);
      return { path, expected, temp, fd, directory };
    } catch (error) {
      discardTempFile(temp);
      closeSync(fd);
      throw systemFailure(error, `${shownPath(path)} was not written`, 'write-failed');
    }
  } catch (error) {
    closeSync(directory);
    throw error;
  }
}

/**
 * Syncs them, gives each its name, syncs the directories. One that can't be done takes nothing from the others.
 *
 * @returns for each what `writeDurably` would have thrown; undefined where it is in its place
 */
export async function placeAll(staged: readonly Staged[]): Promise<readonly unknown[]> {
  const unsynced = await Promise.all(staged.map(({ fd }) => failureOf(fd)));
  const failures = staged.map((one, i) => failureOfAction(() => place(one, unsynced[i])));
  const directories = new Map<string, number>();
  staged.forEach(({ path, directory }, i) => {
    if (failures[i] === undefined && !directories.has(dirname(path))) directories.set(dirname(path), directory);
  });
  const names = [...directories.keys()];
  const results = await Promise.all([...directories.values()].map(failureOf));
  staged.forEach(({ directory }) => closeSync(directory));
  return staged.map(({ path }, i) => {
    const result = results[names.indexOf(dirname(path))];
    return failures[i] ?? (result === undefined ? undefined : failureOfAction(() => refuseUnsynced(result, `${shownPath(path)} was written`)));
  });
}

/** @param unsynced why its bytes may not be on the disk */
function place({ path, expected, temp, fd }: Staged, unsynced: Error | undefined): void {
  try {
    closeSync(fd); // may report a write error of its own (NFS), so it counts
    if (unsynced !== undefined) throw unsynced;
    refuseUnlessExpected(path, expected);
    takeName(temp, path);
  } catch (error) {
    discardTempFile(temp);
    throw systemFailure(error, `${shownPath(path)} was not written`, 'write-failed');
  }
}

/** Of an fsync, which a thread beside this one does. */
function failureOf(fd: number): Promise<Error | undefined> {
  return new Promise((resolve) => fsync(fd, (error) => resolve(error ?? undefined)));
}

function failureOfAction(action: () => void): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
