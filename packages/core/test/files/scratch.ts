import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

export const isRoot = process.geteuid?.() === 0;

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
  mkdirSync(directory);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'lockfast-test', directory]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
  return directory;
}

/** Why nothing can be mounted here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForMounting(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!isRoot) return 'needs root';
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'lockfast-test', directory], { stdio: 'ignore' });
    execFileSync('umount', [directory], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs the permission to mount';
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Everything in a directory, so that nothing left behind is overlooked. */
export function entriesOf(directory: string): string[] {
  return readdirSync(directory).toSorted();
}

/** Permission bits in octal, for example `600`. */
export function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}
