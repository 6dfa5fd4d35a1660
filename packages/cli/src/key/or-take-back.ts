import { identityOf } from '@lockfast/core/files';

import { readRing } from '../ring-document.ts';
import type { NewRoot } from './new-root-key.ts';

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
    return readRing(path).generation;
  } catch {
    return undefined;
  }
}
