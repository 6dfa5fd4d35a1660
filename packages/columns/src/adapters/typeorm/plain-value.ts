import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

import { type Column, VALUE_TYPES } from '../../index.ts';
import { refusePlain } from './refusals.ts';

/**
 * What a transformer makes of plaintext: something that can be compared, and that nothing can store. It carries no plaintext.
 *
 * Drivers that ask a parameter for its SQL get an error instead; others don't take an object.
 */
export class PlainValue {
  readonly column: Column<unknown>;

  constructor(column: Column<unknown>) {
    this.column = column;
  }

  /** Asked by `pg`. @throws LockfastError `usage` */
  toPostgres(): never {
    throw refusePlain(this.column);
  }

  /** Asked by `mysql2`. @throws LockfastError `usage` */
  toSqlString(): never {
    throw refusePlain(this.column);
  }

  /** For what logs parameters. */
  toString(): string {
    return `[a value for ${this.column.id}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/**
 * Gives the same object for the same plaintext twice running: TypeORM asks for the one of the database and the one of the
 * entity, and compares them by identity.
 */
export class PlainValues {
  readonly #column: Column<unknown>;
  readonly #key = randomBytes(32);
  #last: { readonly digest: Buffer; readonly value: PlainValue } | undefined;

  constructor(column: Column<unknown>) {
    this.#column = column;
  }

  /** @throws LockfastError `invalid-text` for what the column can't hold */
  of(plaintext: unknown): PlainValue {
    const type = VALUE_TYPES[this.#column.definition.as ?? 'text'];
    const digest = createHmac('sha256', this.#key).update(type.encode(plaintext as never)).digest();
    if (this.#last === undefined || !digest.equals(this.#last.digest)) this.#last = { digest, value: new PlainValue(this.#column) };
    return this.#last.value;
  }
}
