import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

/**
 * Holds a key so that it can't be printed, logged or serialised by accident. The bytes live outside the JavaScript heap
 * in a KeyObject, which erases them when it is collected; `use` lends a copy and erases it afterwards.
 */
export class Secret {
  readonly #key: KeyObject;

  /** Takes the bytes over: they are zero afterwards. */
  constructor(bytes: Buffer) {
    this.#key = createSecretKey(bytes);
    bytes.fill(0);
  }

  static random(): Secret {
    return new Secret(randomBytes(32));
  }

  /** Lends the raw bytes to `reader`. Whatever it returns must not hold on to them. */
  use<T>(reader: (bytes: Buffer) => T): T {
    const bytes = this.#key.export();
    try {
      return reader(bytes);
    } finally {
      bytes.fill(0);
    }
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
