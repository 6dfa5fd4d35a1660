import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const isRoot: boolean = process.geteuid?.() === 0;

/** Mounts a file system of that size at `directory`. Only root may; see {@link missingForMounting}. @returns unmounts it */
export function mountSmallDisk(directory: string, size = '64k'): () => void {
  mkdirSync(directory, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'lockfast-test', directory]);
  return () => void execFileSync('umount', ['--lazy', directory]);
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
