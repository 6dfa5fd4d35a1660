import { type Context, isEncrypted, type KeyId, type ValueCipher } from '@lockfast/core/formats';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { Clock } from '@lockfast/core/ports';

import { COLUMN_PURPOSE } from './column-context.ts';
import type { FormatLook, OpenedValue, Storage, Stored, StoredFormat, ValueToSeal } from './stored-format.ts';

export const LFV1_LOOK: FormatLook = {
  name: 'lfv1',
  isWellFormed: (stored) => isEncrypted(stored),
  beginsLike: (stored) => text(stored, 0, 5) === 'lfv1.',
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
    const active = this.currentKey();
    return this.#cipher.openBatch(stored, contexts).map((opened, index) => {
      if (opened instanceof LockfastError) return opened;
      const key = keyIn(stored[index]!);
      return { ...opened, key, current: key === active };
    });
  }
}

/** Of a value that is well-formed: it opened. */
function keyIn(stored: Stored): KeyId {
  return text(stored, 5, 11);
}

function text(stored: Stored, from: number, to: number): string {
  return typeof stored === 'string' ? stored.slice(from, to) : Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('latin1', from, to);
}
