import { execFileSync } from 'node:child_process';

import { onTestFinished } from 'vitest';

import { mountSmallDisk } from '@lockfast/testkit';

export { missingForMounting } from '@lockfast/testkit';

/** A file system of that size at `directory`, unmounted when the test ends. */
export function smallDisk(directory: string, size = '64k'): { makeReadOnly(): void } {
  onTestFinished(mountSmallDisk(directory, size));
  return { makeReadOnly: () => void execFileSync('mount', ['-o', 'remount,ro', directory]) };
}
