import { chmodSync, rmSync } from 'node:fs';

import { onTestFinished } from 'vitest';

import { LockfastError } from '@lockfast/core/errors';
import { memoryDirectory } from '@lockfast/testkit';

/** A directory of the test's own, which other users can pass through, removed when the test ends. */
export function scratchDirectory(): string {
  const directory = memoryDirectory('lockfast-ledger-');
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The refusal that an action ends with. Throws when it succeeds, or fails in a way that nobody foresaw. */
export async function refusalOf(action: Promise<unknown>): Promise<{ readonly code: string; readonly message: string; readonly hint: string }> {
  try {
    await action;
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return { code: error.code, message: error.message, hint: error.hint };
  }
  throw new Error('it was not refused');
}
