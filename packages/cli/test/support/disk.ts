import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { isRoot } from './project.ts';

/** Why nothing can be mounted here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForMounting(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!isRoot) return 'needs root';
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-mount-'));
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'lockfast-test', directory]).status !== 0) return 'needs the permission to mount';
    execFileSync('umount', [directory]);
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A file system of that size at `directory`, unmounted when the test ends. */
export function smallDisk(directory: string, size = '64k'): { makeReadOnly(): void } {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'lockfast-test', directory]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
  return { makeReadOnly: () => void execFileSync('mount', ['-o', 'remount,ro', directory]) };
}
