import { type Context, isEncrypted, type KeyId, keyIdAtStart, type Opened, type ValueCipher } from '@lockfast/core/formats';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { Clock } from '@lockfast/core/ports';

import { COLUMN_PURPOSE } from './column-context.ts';
import { type FormatLook, type OpenedValue, startOf, type Storage, type Stored, type StoredFormat, type ValueToSeal } from './stored-format.ts';

export const LFV1_START = 'lfv1.';

export const LFV1_LOOK: FormatLook = {
  name: 'lfv1',
  isWellFormed: (stored) => isEncrypted(stored),
  beginsLike: (stored) => startOf(stored, LFV1_START.length) === LFV1_START,
};

/** `lfv1` values: text in a text column, the binary form in a binary one. `docs/formats/lfv1.md` specifies both. */
export class Lfv1Format implements StoredFormat {
  readonly name = 'lfv1';
  readonly #ring: KeyRing;
  readonly #cipher: ValueCipher;
  readonly #storage: Storage;

  constructor(ring: KeyRing, storage: Storage, clock?: Clock) {
    this.#ring = ring;
    this.#cipher = ring.cipher({ purpose: COLUMN_PURPOSE, ...(clock === undefined ? {} : { clock }) });
    this.#storage = storage;
  }

  isWellFormed(stored: Stored): boolean {
    return LFV1_LOOK.isWellFormed(stored);
  }

  beginsLike(stored: Stored): boolean {
    return LFV1_LOOK.beginsLike(stored);
  }

  currentKey(): KeyId {
    return this.#ring.active().id;
  }

  seal(value: string | Uint8Array, context: Context): Stored {
    return this.#storage === 'text' ? this.#cipher.encrypt(value, context) : this.#cipher.encryptBinary(value, context);
  }

  sealBatch(values: readonly ValueToSeal[]): Stored[] {
    return this.#cipher.sealBatch(values, this.#storage);
  }

  open(stored: Stored, context: Context): OpenedValue {
    const [opened] = this.openBatch([stored], [context]) as [OpenedValue | LockfastError];
    if (opened instanceof LockfastError) throw opened;
    return opened;
  }

  openBatch(stored: readonly Stored[], contexts: readonly Context[]): (OpenedValue | LockfastError)[] {
    return withKeys(this.#cipher.openBatch(stored, contexts), stored, this.currentKey());
  }
}

/** Says of each that opened under which key it is. @param active the key that encrypts now */
export function withKeys(answers: readonly (Opened | LockfastError)[], stored: readonly Stored[], active: KeyId): (OpenedValue | LockfastError)[] {
  return answers.map((opened, index) => {
    if (opened instanceof LockfastError) return opened;
    const key = keyIdAtStart(stored[index]!)!;
    return { ...opened, key, current: key === active };
  });
}
