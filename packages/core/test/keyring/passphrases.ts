import type { KeySource } from '@lockfast/core/ports';
import { type KdfChoice, parseKdf, Secret, unwrapUnderPassphrase, wrapUnderPassphrase } from '@lockfast/core/keyring';

/** The least work that is accepted: the tests stretch passphrases hundreds of times. */
export const QUICK_ARGON2 = parseKdf('argon2id:m=19456,t=1,p=1');
export const QUICK_PBKDF2 = parseKdf('pbkdf2-sha256:i=100000');

export function secretOf(text: string): Secret {
  return new Secret(Buffer.from(text, 'utf8'));
}

export function passphraseSource(passphrase: string, kdf: KdfChoice = QUICK_ARGON2, uri = 'passphrase:'): KeySource {
  return {
    uri,
    wrap: (key, binding) => wrapUnderPassphrase(secretOf(passphrase), kdf, key, binding),
    unwrap: (wrapped, binding) => unwrapUnderPassphrase(secretOf(passphrase), wrapped, binding),
  };
}
