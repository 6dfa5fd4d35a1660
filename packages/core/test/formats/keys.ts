import type { Clock } from '@lockfast/core/ports';
import { type DataKey, type DataKeys, ValueCipher, type ValueScope } from '@lockfast/core/formats';
import { type KeyState, Secret } from '@lockfast/core/keyring';
import { LockfastError } from '@lockfast/core/errors';

/** Data keys that are known beforehand, as a key ring hands them out. */
export class KnownKeys implements DataKeys {
  readonly environment: string;
  readonly #keys: Readonly<Record<string, string>>;
  readonly #states: Readonly<Record<string, KeyState>>;

  /** @param keys hexadecimal, by id */
  constructor(keys: Readonly<Record<string, string>>, states: Readonly<Record<string, KeyState>>, environment = 'production') {
    this.environment = environment;
    this.#keys = keys;
    this.#states = states;
  }

  active(): DataKey {
    const id = Object.keys(this.#states).find((one) => this.#states[one] === 'active');
    if (id === undefined) throw new LockfastError('missing-key', 'no active key', 'make one');
    return this.#key(id);
  }

  decrypting(id: string): DataKey {
    if (!Object.hasOwn(this.#keys, id)) throw new LockfastError('missing-key', `no key ${id}`, 'restore it');
    if (this.#states[id] === 'retired' || this.#states[id] === 'destroyed') {
      throw new LockfastError('key-not-usable', `the key ${id} is ${this.#states[id]}`, 'restore a newer value');
    }
    return this.#key(id);
  }

  held(id: string): DataKey | undefined {
    return Object.hasOwn(this.#keys, id) && this.#states[id] !== 'destroyed' ? this.#key(id) : undefined;
  }

  #key(id: string): DataKey {
    return { id, secret: new Secret(Buffer.from(this.#keys[id]!, 'hex')) };
  }
}

/** Two keys, the second of which encrypts. */
export const KEYS: DataKeys = new KnownKeys({ older2: '11'.repeat(32), newer3: '22'.repeat(32) }, { older2: 'draining', newer3: 'active' });
/** The same keys before the second took over. */
export const OLDER_KEYS: DataKeys = new KnownKeys({ older2: '11'.repeat(32), newer3: '22'.repeat(32) }, { older2: 'active', newer3: 'staged' });

export function cipherOf(keys: DataKeys = KEYS, scope: Partial<ValueScope> = {}): ValueCipher {
  return new ValueCipher(keys, { purpose: 'column', ...scope });
}

/** A clock that stands still until it is set. */
export class SetClock implements Clock {
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }
}
