import { LockfastError } from '@lockfast/core/errors';
import { type KdfChoice, Secret, unwrapUnderPassphrase, wrapUnderPassphrase } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

import { readSecretFile } from './file.ts';
import { namingSource } from './root-key-source.ts';
import type { Surroundings } from './surroundings.ts';

/** Wraps under a passphrase, stretched by Argon2id or PBKDF2. The salt and the work factor stand in the wrapping. */
export class PassphraseSource implements KeySource {
  readonly uri: string;
  readonly #passphrase: () => Promise<Secret> | Secret;
  readonly #kdf: KdfChoice;

  constructor(uri: string, passphrase: () => Promise<Secret> | Secret, kdf: KdfChoice) {
    this.uri = uri;
    this.#passphrase = passphrase;
    this.#kdf = kdf;
  }

  async wrap(key: Secret, binding: Uint8Array): Promise<string> {
    return wrapUnderPassphrase(await this.#passphrase(), this.#kdf, key, binding);
  }

  async unwrap(wrapped: string, binding: Uint8Array): Promise<Secret> {
    const passphrase = await this.#passphrase();
    try {
      return await unwrapUnderPassphrase(passphrase, wrapped, binding);
    } catch (error) {
      throw namingSource(error, whose(this.uri), 'type it again, or use another key source of the key ring');
    }
  }
}

/** How errors call the passphrase of `passphrase:`, `passphrase:#alice` or `passphrase:PATH`. */
function whose(uri: string): string {
  const rest = uri.slice('passphrase:'.length);
  if (rest === '') return 'the passphrase';
  return rest.startsWith('#') ? `the passphrase of ${rest.slice(1)}` : `the passphrase in ${rest}`;
}

/** The first line of a file that its owner alone may read: editors end files with a newline that nobody typed. */
export function passphraseFile(path: string, around: Surroundings): Secret {
  const bytes = readSecretFile(path, 'the passphrase', around);
  const end = bytes.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const passphrase = Buffer.from(end === -1 ? bytes : bytes.subarray(0, end));
  bytes.fill(0);
  if (passphrase.length === 0) {
    throw new LockfastError('invalid-key', 'the passphrase is empty', 'write it on the first line of the file');
  }
  return new Secret(passphrase);
}
