/** Directories in memory that hold a service's plaintext. */
import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { type FileOwner, writeDurably } from '@lockfast/core/files';

/** statfs(2): tmpfs and ramfs never reach a disk, but for swap. */
const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const MODE = 0o600;

/** Whose the directory is, and so who the service runs as. @throws LockfastError `not-found`, `tool-missing` where it is on a disk */
export function memoryOwner(directory: string): FileOwner {
  if (!existsSync(directory)) throw new LockfastError('not-found', `there is no directory ${directory}`, 'let systemd call this, as an installed unit has it');
  if (!MEMORY_FILE_SYSTEMS.has(statfsSync(directory).type)) {
    throw new LockfastError('tool-missing', `${directory} is not in memory (tmpfs), and plaintext goes on no disk`, 'mount a tmpfs at /run');
  }
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { uid, gid } = fstatSync(fd);
    return { uid, gid };
  } finally {
    closeSync(fd);
  }
}

/** A file for its owner alone, whole from its first moment. */
export function writeInMemory(path: string, bytes: Buffer, owner: FileOwner): void {
  writeDurably({ path, bytes, mode: MODE, owner, expected: 'anything' });
}

/** Overwrites and removes the files in it. What else its owner made there is systemd's to remove. */
export function emptyDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    overwrite(join(directory, entry.name));
    unlinkSync(join(directory, entry.name));
  }
}

/** O_NOFOLLOW: in a directory of the service's own, root must not be led elsewhere; nor by a second name of somebody's file. */
function overwrite(path: string): void {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size, nlink } = fstatSync(descriptor);
    if (nlink > 1) return;
    for (let at = 0; at < size; ) at += writeSync(descriptor, Buffer.alloc(Math.min(size - at, 65_536)), 0, Math.min(size - at, 65_536), at);
  } finally {
    closeSync(descriptor);
  }
}
