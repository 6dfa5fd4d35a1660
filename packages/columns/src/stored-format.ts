/** The two forms that a value of a column may be stored in, as one: what reads and writes columns asks for no more. */
import type { LockfastError } from '@lockfast/core/errors';
import type { Context } from '@lockfast/core/formats';

/** As it stands in the database: text, or the bytes of a binary column. */
export type Stored = string | Uint8Array;

/** Its first characters, all of them without a length; those of bytes as Latin-1. */
export function startOf(stored: Stored, length = stored.length): string {
  return typeof stored === 'string' ? stored.slice(0, length) : Buffer.from(stored.buffer, stored.byteOffset, stored.length).toString('latin1', 0, length);
}

export type FormatName = 'lfv1' | 'fernet';

/** How columns of a database hold bytes: `binary` is PostgreSQL's `bytea` and its like. */
export type Storage = 'text' | 'binary';

/** A value, and what is known of it since it decrypted. */
export interface OpenedValue {
  readonly value: Buffer;
  /** When it was encrypted, in milliseconds since the Unix epoch; undefined where it carries no time. */
  readonly created: number | undefined;
  /** The id of its key, or the name of its Fernet key. */
  readonly key: string;
  /** Whether a value that is written now would be under that key. */
  readonly current: boolean;
  /** Of a column that names its tenants: with which key beside it. */
  readonly tenantKey?: 'shared' | 'own';
}

export interface ValueToSeal {
  readonly value: string | Uint8Array;
  /** When it was first encrypted, in milliseconds since the Unix epoch; undefined where that is not known. */
  readonly created: number | undefined;
  readonly context: Context;
}

/** What can be told of a value without any key. */
export interface FormatLook {
  readonly name: FormatName;
  /** Whether it is well-formed. That is no proof: only opening it proves. */
  isWellFormed(stored: Stored): boolean;
  /** Whether it begins as a value of this format does. What does and is not well-formed is a damaged value, never plaintext. */
  beginsLike(stored: Stored): boolean;
}

export interface StoredFormat extends FormatLook {
  /** The id or name of the key that a value would be under that is written now. @throws LockfastError `missing-key` */
  currentKey(): string;
  /** Under the current key, with the present time. @throws LockfastError as `ValueCipher.encrypt` and `Fernet.encrypt` */
  seal(value: string | Uint8Array, context: Context): Stored;
  /** As {@link seal}, each with its own time. All or nothing. */
  sealBatch(values: readonly ValueToSeal[]): Stored[];
  /** @throws LockfastError as `ValueCipher.decrypt` and `Fernet.decrypt` */
  open(stored: Stored, context: Context): OpenedValue;
  /** Each for itself: what does not open gives its error. */
  openBatch(stored: readonly Stored[], contexts: readonly Context[]): (OpenedValue | LockfastError)[];
}
