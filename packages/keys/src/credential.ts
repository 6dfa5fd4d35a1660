import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import type { Secret } from '@lockfast/core/keyring';

import { fileRootKey } from './file.ts';
import type { Surroundings } from './surroundings.ts';

/** For a unit with User= systemd grants reading by an ACL, and the mode's group bits then show the ACL's mask: 0440. */
export const CREDENTIAL_FORBIDDEN = 0o007;

/** The root key as a systemd credential: systemd.exec(5), LoadCredential= and LoadCredentialEncrypted=. */
export function credentialRootKey(name: string, around: Surroundings): Secret {
  return fileRootKey(credentialFile(name, around), around, CREDENTIAL_FORBIDDEN);
}

/** Where systemd put a credential. @throws LockfastError `source-unavailable`, `invalid-source` */
export function credentialFile(name: string, around: Surroundings): string {
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
  return join(directory, name);
}
