import { LockfastError } from '@lockfast/core/errors';
import type { Secret } from '@lockfast/core/keyring';

/** A key of another library, by the reference that names it. */
export interface ForeignKey {
  /** `env:CLOAK_MASTER_KEY`. */
  readonly name: string;
  readonly key: Secret;
}

/** The first key under which `open` gives a value. @throws LockfastError `wrong-key` */
export function openUnderAny(keys: readonly ForeignKey[], open: (key: Secret) => Buffer | undefined): { readonly value: Buffer; readonly key: string } {
  for (const { name, key } of keys) {
    const value = open(key);
    if (value !== undefined) return { value, key: name };
  }
  throw underNoKey();
}

export function underNoKey(): LockfastError {
  return new LockfastError('wrong-key', 'no key that was named opens it', 'name the key that it was encrypted with; older ones, too, where the library had several');
}

export function invalidForeignKey(name: string, what: string, hint: string): LockfastError {
  return new LockfastError('invalid-key', `${name}: ${what}`, hint);
}
