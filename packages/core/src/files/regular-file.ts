import type { BigIntStats } from 'node:fs';

import { LockfastError } from '../errors.ts';
import { shownPath } from './shown-path.ts';

/**
 * Refuses whatever is not a regular file. A directory has no content, a FIFO or a device may never end, and replacing a
 * symbolic link would put the new file beside the one that it points to, which keeps its old content.
 *
 * @throws LockfastError `not-a-file`, which says what it is
 */
export function refuseUnlessRegular(stats: BigIntStats, path: string): void {
  if (stats.isFile()) return;
  const [kind, hint] = kindOf(stats);
  throw new LockfastError('not-a-file', `${shownPath(path)} is ${kind}`, hint);
}

function kindOf(stats: BigIntStats): readonly [kind: string, hint: string] {
  if (stats.isDirectory()) return ['a directory', 'name a file in it'];
  if (stats.isSymbolicLink()) return ['a symbolic link', 'name the file that it points to'];
  if (stats.isFIFO()) return ['a FIFO (a pipe)', 'name a regular file: a pipe can not be checked, replaced or read twice'];
  if (stats.isSocket()) return ['a socket', 'name a regular file'];
  if (stats.isBlockDevice()) return ['a block device', 'name a regular file'];
  if (stats.isCharacterDevice()) return ['a character device', 'name a regular file'];
  return ['not a regular file', 'name a regular file'];
}
