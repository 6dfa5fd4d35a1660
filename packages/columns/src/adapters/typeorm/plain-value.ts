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
  readonly #json: boolean;

  /** @param json whether TypeORM turns values of the column into JSON for its driver */
  constructor(column: Column<unknown>, json: boolean) {
    this.column = column;
    this.#json = json;
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

  /** @throws LockfastError `usage` where JSON is what would be stored */
  toJSON(): string {
    if (this.#json) throw refusePlain(this.column);
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
  readonly #json: boolean;
  readonly #key = randomBytes(32);
  #last: { readonly digest: Buffer; readonly value: PlainValue } | undefined;

  constructor(column: Column<unknown>, json: boolean) {
    this.#column = column;
    this.#json = json;
  }

  /** @throws LockfastError `invalid-text` for what the column can't hold */
  of(plaintext: unknown): PlainValue {
    const type = VALUE_TYPES[this.#column.definition.as ?? 'text'];
    const digest = createHmac('sha256', this.#key).update(type.encode(plaintext as never)).digest();
    if (this.#last === undefined || !digest.equals(this.#last.digest)) this.#last = { digest, value: new PlainValue(this.#column, this.#json) };
    return this.#last.value;
  }
}
