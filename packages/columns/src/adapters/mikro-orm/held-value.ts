import { inspect, isDeepStrictEqual } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';

import type { Column } from '../../index.ts';

/**
 * What MikroORM's snapshots and change sets hold of an encrypted property: the value itself, since two encrypted ones of
 * the same value differ. It prints as nothing, and is refused on every way into SQL: there, the encrypted value stands in
 * its place.
 */
export class HeldValue<V> {
  readonly column: Column<V>;
  readonly #value: V;

  constructor(column: Column<V>, value: V) {
    this.column = column;
    this.#value = copied(value);
  }

  /** A copy: an entity's JSON can be changed in its place. */
  get value(): V {
    return copied(this.#value);
  }

  equals(other: HeldValue<unknown>): boolean {
    return this.column === other.column && isDeepStrictEqual(this.#value, other.#value);
  }

  /** MikroORM clones what it compares. */
  clone(): this {
    return this;
  }

  /** For MySQL's way of writing values into SQL. */
  toSqlString(): never {
    throw refuseUnencrypted(this.column.id);
  }

  toString(): never {
    throw refuseUnencrypted(this.column.id);
  }

  toJSON(): never {
    throw refuseUnencrypted(this.column.id);
  }

  [inspect.custom](): string {
    return `[value of ${this.column.id}]`;
  }
}

/** A refusal as its own cause: of what fails in a driver, MikroORM throws a `DriverException` with its members. */
export function asCause(refusal: LockfastError): LockfastError {
  return new LockfastError(refusal.code, refusal.message, refusal.hint, refusal);
}

function refuseUnencrypted(id: string): LockfastError {
  return asCause(new LockfastError(
    'usage',
    `${id}: a value was on its way to the database without being encrypted`,
    'give MikroORM the EncryptionSubscriber as the last of its subscribers; write through em.persist and em.flush, since upsert and insert of an entity, and embedded JSON, go past it',
  ));
}

/** What can't be copied is refused when it is encrypted. */
function copied<V>(value: V): V {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return Buffer.from(value) as unknown as V;
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
}
