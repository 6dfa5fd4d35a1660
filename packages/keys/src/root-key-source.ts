import { type Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

/** A source that hands the root key itself over, and wraps here in the process. */
export class RootKeySource implements KeySource {
  readonly uri: string;
  readonly #read: () => Secret;

  /** @param read gets the root key each time it is needed, so that none is kept longer */
  constructor(uri: string, read: () => Secret) {
    this.uri = uri;
    this.#read = read;
  }

  async wrap(key: Secret, binding: Uint8Array): Promise<string> {
    return wrapKey(this.#read(), 'lockfast/ring-wrap', key, binding);
  }

  async unwrap(wrapped: string, binding: Uint8Array): Promise<Secret> {
    return unwrapKey(this.#read(), 'lockfast/ring-wrap', wrapped, binding);
  }
}
