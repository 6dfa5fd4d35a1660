import { LockfastError } from '@lockfast/core/errors';
import { USUAL_KDF } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

import { credentialRootKey } from './credential.ts';
import { expandPath, fileRootKey } from './file.ts';
import { PassphraseSource, passphraseFile } from './passphrase.ts';
import { RootKeySource } from './root-key-source.ts';
import { askedSharesSource } from './shares.ts';
import type { Surroundings } from './surroundings.ts';
import { variableRootKey } from './variable.ts';

/** Every scheme that a key source may have, with what stands behind the colon. One row a scheme. */
const SCHEMES: Readonly<Record<string, (rest: string, uri: string, around: Surroundings) => KeySource>> = {
  file: (rest, uri, around) => new RootKeySource(uri, `the root key in ${expandPath(rest, around)}`, () => fileRootKey(rest, around)),
  env: (rest, uri, around) => new RootKeySource(uri, `the root key in ${rest}`, () => variableRootKey(rest, around)),
  credential: (rest, uri, around) => new RootKeySource(uri, `the root key in the credential ${rest}`, () => credentialRootKey(rest, around)),
  passphrase: (rest, uri, around) =>
    new PassphraseSource(
      uri,
      () => (rest === '' || rest.startsWith('#') ? around.askPassphrase(`Passphrase of ${rest === '' ? 'the key ring' : rest.slice(1)}`) : passphraseFile(rest, around)),
      around.kdf ?? USUAL_KDF,
    ),
  shares: (rest, uri, around) => askedSharesSource(uri, () => askShares(rest, around)),
};

/**
 * The key source that a URI names: `file:PATH`, `env:NAME`, `credential:NAME`, `passphrase:` (asks; `passphrase:#alice` tells
 * several people's apart), `passphrase:PATH` or `shares:ID` (asks for recovery shares).
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

async function askShares(set: string, around: Surroundings): Promise<readonly string[]> {
  if (around.askShares === undefined) {
    throw new LockfastError('terminal-needed', `the shares of the set ${set} are needed, and nobody is asked for them here`, 'put them together with `lockfast key combine`');
  }
  return around.askShares(set);
}
