import { unlinkSync } from 'node:fs';

import { refuseUnlessExpected } from './expected-target.ts';
import type { FileIdentity } from './file-identity.ts';
import { shownPath } from './shown-path.ts';
import { inSyncedDirectory } from './synced-directory.ts';
import { systemFailure } from './system-failure.ts';

/**
 * Removes a file for good: after a power cut, too, its name does not come back. Its bytes may stay on the disk until
 * they are overwritten. Call it under `withFileLock` of the same path.
 *
 * @throws LockfastError `conflict` when it is not what was read, or is gone; `not-a-file`; `not-found` when its directory
 *   is missing; `permission-denied`; `write-failed`. Then it is untouched, but for "was removed, but", when only the
 *   sync of the directory failed.
 */
export function removeDurably(path: string, expected: FileIdentity): void {
  inSyncedDirectory(path, `${shownPath(path)} was removed`, () => {
    refuseUnlessExpected(path, expected);
    try {
      unlinkSync(path);
    } catch (error) {
      throw systemFailure(error, `${shownPath(path)} was not removed`, 'write-failed');
    }
  });
}
