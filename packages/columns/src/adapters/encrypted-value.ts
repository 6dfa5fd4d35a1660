import { inspect } from 'node:util';

import type { Column, Stored } from '../index.ts';

/**
 * What an ORM holds of a column with a context: the stored value, which is decrypted with the row that it stands
 * in. It is not the value, and prints as neither.
 */
export class EncryptedValue<V> {
  readonly column: Column<V>;
  readonly stored: Stored;

  constructor(column: Column<V>, stored: Stored) {
    this.column = column;
    this.stored = stored;
  }

  toString(): string {
    return `[encrypted ${this.column.id}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** A value where an encrypted one stood. */
export type Opened<T> = T extends EncryptedValue<infer V> ? V : T;

/** A row as the application sees it. */
export type OpenedRow<Row> = { [Name in keyof Row]: Opened<Row[Name]> };
