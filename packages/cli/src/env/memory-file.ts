/** A plaintext file that a person edits: in memory (tmpfs), mode 0600, wiped on every way out. */
import { closeSync, existsSync, fstatSync, lstatSync, mkdtempSync, openSync, readdirSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { systemFailure } from '@lockfast/core/files';

/** statfs(2): tmpfs and ramfs never reach a disk, but for swap. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const PREFIX = 'lockfast-edit-';

export interface MemoryFile {
  readonly path: string;
  /** Overwrites and removes everything in the file's directory, the editor's own copies too. */
  wipe(): void;
}

/**
 * @throws LockfastError `tool-missing` where no memory file system is to be had: then nothing is written at all;
 *   `write-failed` when it is full
 */
export function createMemoryFile(name: string, bytes: Uint8Array, runtimeDirectory: string | undefined): MemoryFile {
  const parent = [runtimeDirectory, '/dev/shm', '/run'].find((directory) => directory !== undefined && isInMemory(directory));
  if (parent === undefined) {
    throw new LockfastError('tool-missing', 'there is no file system in memory (tmpfs) to edit the plaintext on', 'mount one at /dev/shm, or set single values with `lockfast env set`');
  }
  let directory: string | undefined;
  try {
    sweep(parent);
    directory = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`));
    const path = join(directory, name);
    writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
    return { path, wipe: wiper(directory) };
  } catch (error) {
    if (directory !== undefined) wipe(directory);
    throw systemFailure(error, `nothing can be edited on the file system in memory at ${parent}`, 'write-failed');
  }
}

function wiper(directory: string): () => void {
  return () => {
    try {
      wipe(directory);
    } catch (error) {
      throw systemFailure(error, `the plaintext in ${directory} was not removed`, 'write-failed');
    }
  };
}

function isInMemory(directory: string): boolean {
  try {
    if (!MEMORY_FILE_SYSTEMS.has(statfsSync(directory).type)) return false;
    const probe = mkdtempSync(join(directory, `${PREFIX}probe-`));
    rmSync(probe, { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** What an edit that was killed left behind: its process is gone, and the directory is ours. */
function sweep(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = /^lockfast-edit-(\d+)-/.exec(name) ?? [];
    const directory = join(parent, name);
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      if (lstatSync(directory).uid === process.getuid?.()) wipe(directory);
    } catch {
      // Another process swept it first.
    }
  }
}

function wipe(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) overwrite(join(entry.parentPath, entry.name));
  }
  rmSync(directory, { recursive: true, force: true });
}

function overwrite(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    const { size } = fstatSync(descriptor);
    writeSync(descriptor, Buffer.alloc(size), 0, size, 0);
  } finally {
    closeSync(descriptor);
  }
}

