import { LockfastError } from '@lockfast/core/errors';
import { Fernet, looksLikeFernet } from '@lockfast/core/formats';
import type { FernetKey } from '@lockfast/core/keyring';
import { type Clock, systemClock } from '@lockfast/core/ports';

import { type FormatLook, type OpenedValue, startOf, type Storage, type Stored, type StoredFormat, type ValueToSeal } from './stored-format.ts';

/** Of every token until the year 4147: version 0x80, then 28 bits of its time. */
export const FERNET_START = 'gAAAAA';

export const FERNET_LOOK: FormatLook = {
  name: 'fernet',
  // Almost nothing that is asked about is a token: then it is not decoded.
  isWellFormed: (stored) => startOf(stored, 1) === FERNET_START[0] && looksLikeFernet(startOf(stored)),
  beginsLike: (stored) => startOf(stored, FERNET_START.length) === FERNET_START,
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
