import { type BigIntStats, lstatSync } from 'node:fs';

import { shownPath } from './shown-path.ts';
import { systemFailure } from './system-failure.ts';

/**
 * Answers "is this still what was read?". Replacing a file changes the inode; writing into it changes size, mtime and
 * ctime; and ctime can not be set back by `touch`, which mtime can. Nanoseconds as bigint: in a double they lose their end.
 *
 * What it can not see: a write into the file within the same tick of the kernel's clock (up to 4 ms before Linux 6.13)
 * that keeps its size.
 */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/**
 * The identity of what has this name now: a symbolic link's own, not that of the file that it points to.
 *
 * @returns undefined when there is nothing of that name
 * @throws LockfastError `permission-denied` or `not-found` (a part of the path is no directory) when it can't be told
 */
export function identityOf(path: string): FileIdentity | undefined {
  const stats = lookAt(path);
  return stats === undefined ? undefined : identityFrom(stats);
}

/** Whether nothing happened to a file between the two. */
export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino && a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

/** The part of a stat that is the identity. */
export function identityFrom({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileIdentity {
  return { dev, ino, size, mtimeNs, ctimeNs };
}

/** `lstat`, or undefined when there is nothing of that name. Throws as `identityOf`. */
export function lookAt(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} can not be looked at`, 'permission-denied');
  }
}
