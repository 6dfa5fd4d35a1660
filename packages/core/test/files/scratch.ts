import { chmodSync, lstatSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { mountSmallDisk } from '@lockfast/testkit';

export { isRoot, missingForMounting } from '@lockfast/testkit';

/** A directory of the test's own, which other users can pass through, removed when the test ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-files-'));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A file system of 64 KiB, unmounted when the test ends. Only root may; see `missingForMounting`. */
export function smallDisk(): string {
  const directory = join(scratchDirectory(), 'disk');
  onTestFinished(mountSmallDisk(directory));
  return directory;
}

/** Everything in a directory, so that nothing left behind is overlooked. */
export function entriesOf(directory: string): string[] {
  return readdirSync(directory).toSorted();
}

/** Permission bits in octal, for example `600`. */
export function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}
