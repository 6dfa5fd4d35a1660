import { LockfastError } from '@lockfast/core/errors';
import { Fernet, looksLikeFernet } from '@lockfast/core/formats';
import type { FernetKey } from '@lockfast/core/keyring';
import { type Clock, systemClock } from '@lockfast/core/ports';

import type { FormatLook, OpenedValue, Storage, Stored, StoredFormat, ValueToSeal } from './stored-format.ts';

/** Every token of this century begins so: version 0x80, then the time, whose first bytes are zero until the year 2106. */
const START = 'gAAAAA';

export const FERNET_LOOK: FormatLook = {
  name: 'fernet',
  // Almost nothing that is asked about is a token: then it is not decoded.
  isWellFormed: (stored) => text(stored.slice(0, 1)) === START[0] && looksLikeFernet(text(stored)),
  beginsLike: (stored) => text(stored.slice(0, START.length)) === START,
};

/**
 * Fernet tokens; in a binary column their ASCII bytes, as Django's BinaryField holds them. A token is bound to nothing:
 * contexts are not looked at, and a token that is copied to another row opens there.
 */
export class FernetFormat implements StoredFormat {
  readonly name = 'fernet';
  readonly #keys: readonly FernetKey[];
  readonly #fernet: Fernet;
  readonly #storage: Storage;
  readonly #clock: Clock;

  /** @param keys the first one encrypts, all decrypt. @throws LockfastError `invalid-key` without any */
  constructor(keys: readonly FernetKey[], storage: Storage, clock: Clock = systemClock) {
    this.#keys = keys;
    this.#fernet = new Fernet(
      keys.map(({ key }) => key),
      clock,
    );
    this.#storage = storage;
    this.#clock = clock;
  }

  isWellFormed(stored: Stored): boolean {
    return FERNET_LOOK.isWellFormed(stored);
  }

  beginsLike(stored: Stored): boolean {
    return FERNET_LOOK.beginsLike(stored);
  }

  currentKey(): string {
    return this.#keys[0]!.name;
  }

  seal(value: string | Uint8Array): Stored {
    return this.#stored(this.#fernet.encrypt(value));
  }

  sealBatch(values: readonly ValueToSeal[]): Stored[] {
    return values.map(({ value, created = this.#clock.now() }) => this.#stored(this.#fernet.seal(value, BigInt(Math.floor(created / 1000)))));
  }

  open(stored: Stored): OpenedValue {
    const { value, seconds, key } = this.#fernet.open(stored);
    return { value, created: Number(seconds) * 1000, key: this.#keys[key]!.name, current: key === 0 };
  }

  openBatch(stored: readonly Stored[]): (OpenedValue | LockfastError)[] {
    return stored.map((token) => {
      try {
        return this.open(token);
      } catch (error) {
        if (error instanceof LockfastError) return error;
        throw error;
      }
    });
  }

  #stored(token: string): Stored {
    return this.#storage === 'text' ? token : Buffer.from(token, 'latin1');
  }
}

function text(stored: Stored): string {
  return typeof stored === 'string' ? stored : Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('latin1');
}
