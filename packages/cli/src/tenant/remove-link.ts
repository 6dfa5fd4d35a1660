import { unlinkSync } from 'node:fs';

import { systemFailure } from '@lockfast/core/files';
import { see } from '@lockfast/fleet';

/** Removes a symbolic link, and nothing else: what the way `file` leaves in the place of the plaintext. @throws LockfastError `permission-denied`, `write-failed` */
export function removeLink(path: string): void {
  if (see(path)?.kind !== 'link') return;
  try {
    unlinkSync(path);
  } catch (error) {
    throw systemFailure(error, `${path}, a link, was not removed`, 'write-failed');
  }
}
