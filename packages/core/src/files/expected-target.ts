import { LockfastError } from '../errors.ts';
import { type FileIdentity, identityFrom, lookAt, sameIdentity } from './file-identity.ts';
import { refuseUnlessRegular } from './regular-file.ts';
import { shownPath } from './shown-path.ts';

/** What must stand at the target for it to be replaced: what was read, nothing, or any regular file or nothing. */
export type Expected = FileIdentity | 'absent' | 'anything';

/**
 * Compares the target with what the caller knows of it, so that nobody else's change is overwritten unseen.
 *
 * @throws LockfastError `not-a-file` for anything but a regular file, `exists`, `conflict`, `permission-denied`
 */
export function refuseUnlessExpected(path: string, expected: Expected): void {
  const found = lookAt(path);
  if (found === undefined) {
    if (typeof expected === 'string') return;
    throw new LockfastError('conflict', `${shownPath(path)} was removed after it was read`, 'run it again');
  }
  refuseUnlessRegular(found, path);
  if (expected === 'absent') throw alreadyExists(path);
  if (expected !== 'anything' && !sameIdentity(identityFrom(found), expected)) {
    throw new LockfastError('conflict', `${shownPath(path)} was changed after it was read`, 'run it again: it starts from the new content');
  }
}

/** For the one who finds it out from the system: `link` says EEXIST. */
export function alreadyExists(path: string): LockfastError {
  return new LockfastError('exists', `${shownPath(path)} exists already`, 'choose another name, or replace it where the command has --force');
}
