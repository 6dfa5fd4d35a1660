// vitest's global set-up: what tests write lies in memory where there is enough of it. What they prove of the disk they
// prove by the calls that are made, so a disk that is really waited for proves no more, and takes half of their time.
// TMPDIR says another place.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MEMORY = '/dev/shm';
/** Servers' data and what containers write, of all workers at once: up to 2 GiB. */
const ENOUGH = 6 * 2 ** 30;

/** @returns what takes it away again */
export default function useMemory() {
  if (process.env.TMPDIR !== undefined) return undefined;
  const directory = directoryInMemory();
  if (directory === undefined) return undefined;
  process.env.TMPDIR = directory;
  return () => {
    delete process.env.TMPDIR;
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  };
}

function directoryInMemory() {
  let directory;
  try {
    // Of runs that were killed.
    for (const name of readdirSync(MEMORY)) {
      const pid = /^lockfast-tests-(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(MEMORY, name), { recursive: true, force: true });
    }
    const { bavail, bsize } = statfsSync(MEMORY);
    // A container may have less memory than its file system of memory says.
    if (bavail * bsize < ENOUGH || process.availableMemory() < ENOUGH) return undefined;
    directory = mkdtempSync(join(MEMORY, `lockfast-tests-${process.pid}-`));
    // As /tmp: tests run programs as other users.
    chmodSync(directory, 0o1777);
    // Containers often mount it without the right to run programs, which tests put there.
    const program = join(directory, 'program');
    writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
    execFileSync(program);
    rmSync(program);
    return directory;
  } catch {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    return undefined;
  }
}
