import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import type { Secret } from '@lockfast/core/keyring';

import { fileRootKey } from './file.ts';
import type { Surroundings } from './surroundings.ts';

/** The root key as a systemd credential: systemd.exec(5), LoadCredential= and LoadCredentialEncrypted=. */
export function credentialRootKey(name: string, around: Surroundings): Secret {
  const directory = around.environment['CREDENTIALS_DIRECTORY'];
  if (directory === undefined || directory === '') {
    throw new LockfastError(
      'source-unavailable',
      'there is no CREDENTIALS_DIRECTORY: this process was not given systemd credentials',
      `run it as a unit with LoadCredentialEncrypted=${name}, or name another key source`,
    );
  }
  if (name.includes('/') || name === '.' || name === '..') {
    throw new LockfastError('invalid-source', 'a credential has a name, not a path', 'write credential:NAME as in LoadCredential=NAME:...');
  }
  // For a unit with User= systemd grants reading by an ACL, and the mode's group bits then show the ACL's mask: 0440.
  return fileRootKey(join(directory, name), around, 0o007);
}
