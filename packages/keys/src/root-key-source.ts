import { LockfastError } from '@lockfast/core/errors';
import { type Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

/** A source that hands the root key itself over, and wraps here in the process. */
export class RootKeySource implements KeySource {
  readonly uri: string;
  readonly #what: string;
  readonly #read: () => Secret | Promise<Secret>;

  /**
   * @param what how errors call the root key: where it lies
   * @param read gets the root key each time it is needed, so that none is kept longer
   */
  constructor(uri: string, what: string, read: () => Secret | Promise<Secret>) {
    this.uri = uri;
    this.#what = what;
    this.#read = read;
  }

  async wrap(key: Secret, binding: Uint8Array): Promise<string> {
    return wrapKey(await this.#read(), 'lockfast/ring-wrap', key, binding);
  }

  async unwrap(wrapped: string, binding: Uint8Array): Promise<Secret> {
    const rootKey = await this.#read();
    try {
      return unwrapKey(rootKey, 'lockfast/ring-wrap', wrapped, binding);
    } catch (error) {
      throw namingSource(error, this.#what, 'use the root key that it was made with: see key-source in lockfast.toml');
    }
  }
}

/** A wrong key, with where it came from: who has several must know which one. Anything else as it is. */
export function namingSource(error: unknown, what: string, hint: string): unknown {
  if (!(error instanceof LockfastError) || error.code !== 'wrong-key') return error;
  return new LockfastError('wrong-key', `${what} does not open the key ring`, hint, error);
}
