import { LockfastError } from '@lockfast/core/errors';
import { type KdfChoice, type Secret, USUAL_KDF } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

import { credentialRootKey } from './credential.ts';
import { fileRootKey } from './file.ts';
import { PassphraseSource, passphraseFile } from './passphrase.ts';
import { RootKeySource } from './root-key-source.ts';
import { variableRootKey } from './variable.ts';

/** What key sources need from the process that they run in. Handed down by the command, or by an application. */
export interface Surroundings {
  /** Variables that `env:` and `credential:` look into. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What `~` stands for. */
  readonly home: string;
  /** What a relative path starts from: the directory of the configuration. */
  readonly directory: string;
  /** Asks a person for a passphrase. @throws LockfastError `terminal-needed` where nobody can be asked */
  readonly askPassphrase: (question: string) => Promise<Secret>;
  /** How a new passphrase wrapping is stretched. */
  readonly kdf?: KdfChoice;
}

/** Every scheme that a key source may have, with what stands behind the colon. One row a scheme. */
const SCHEMES: Readonly<Record<string, (rest: string, uri: string, around: Surroundings) => KeySource>> = {
  file: (rest, uri, around) => new RootKeySource(uri, () => fileRootKey(rest, around)),
  env: (rest, uri, around) => new RootKeySource(uri, () => variableRootKey(rest, around)),
  credential: (rest, uri, around) => new RootKeySource(uri, () => credentialRootKey(rest, around)),
  passphrase: (rest, uri, around) =>
    new PassphraseSource(
      uri,
      () => (rest === '' ? around.askPassphrase('Passphrase of the key ring') : passphraseFile(rest, around)),
      around.kdf ?? USUAL_KDF,
    ),
};

/**
 * The key source that a URI names: `file:PATH`, `env:NAME`, `credential:NAME`, `passphrase:` (asks) or `passphrase:PATH`.
 *
 * @throws LockfastError `invalid-source`
 */
export function keySource(uri: string, around: Surroundings): KeySource {
  const [, scheme, rest] = /^([a-z0-9]+):(.*)$/s.exec(uri) ?? [];
  const make = scheme === undefined || !Object.hasOwn(SCHEMES, scheme) ? undefined : SCHEMES[scheme];
  if (make === undefined || (rest === '' && scheme !== 'passphrase')) {
    throw new LockfastError('invalid-source', 'a key source is not one that Lockfast knows', `write it as ${Object.keys(SCHEMES).join(':..., ')}:...`);
  }
  return make(rest!, uri, around);
}
