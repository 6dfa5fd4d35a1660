/** What the options of a TypeORM column are made of. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column, Stored } from '../../index.ts';
import { EncryptedValue } from '../encrypted-value.ts';
import { storedOfParsed } from '../parsed-json.ts';
import { refuseOtherStorage } from '../type-storage.ts';
import { PlainValue, PlainValues } from './plain-value.ts';
import { refuseForeign } from './refusals.ts';

/** Options of `@Column` or of an `EntitySchema`: spread them, beside `name`, `nullable` and the like. */
export interface EncryptedColumnOptions<Type extends string> {
  readonly type: Type;
  readonly transformer: ColumnTransformer;
}

const JSON_TYPES: readonly string[] = ['json', 'jsonb'];
/** TypeORM would read more into such a value than a text, or give other bytes back. */
const UNFIT_TYPES: readonly string[] = ['simple-json', 'simple-array', 'simple-enum', 'enum', 'set', 'char', 'character', 'nchar', 'binary', 'uuid'];

/** The `ValueTransformer` of one encrypted column. */
export class ColumnTransformer {
  readonly column: Column<unknown>;
  readonly #json: boolean;
  readonly #plain: PlainValues;

  constructor(column: Column<unknown>, json: boolean) {
    this.column = column;
    this.#json = json;
    this.#plain = new PlainValues(column, json);
  }

  /** An encrypted value to what is stored; a plain one to what can be compared and not be stored. @throws LockfastError */
  readonly to = (value: unknown): unknown => {
    if (value === null || value === undefined || value instanceof PlainValue) return value;
    if (!(value instanceof EncryptedValue)) return this.#plain.of(value);
    if (value.column.id !== this.column.id || !this.column.isEncrypted(value.stored)) throw refuseForeign(this.column);
    return value.stored;
  };

  /** Decrypts where no row is needed for it. @throws LockfastError as `Column.decrypt` */
  readonly from = (received: unknown): unknown => {
    if (received === null || received === undefined || received instanceof EncryptedValue) return received;
    const stored = this.#json ? storedOfParsed(this.column, received) : (received as Stored);
    return isBound(this.column) ? new EncryptedValue(this.column, stored) : this.column.decrypt(stored);
  };
}

/**
 * The type and the transformer of an encrypted column: `@Column({ ...encryptedColumn(botToken, 'text'), name: 'bot_token' })`.
 * They store nothing until `protectDataSource` was called for the data source.
 *
 * @param type in SQL: one for text or for bytes, as the definition's storage; `json` and `jsonb` keep the encrypted value as a JSON string
 * @throws LockfastError `usage` where a column of that type can't hold its values
 */
export function encryptedColumn<Type extends string>(column: Column<unknown>, type: Type): EncryptedColumnOptions<Type> {
  const json = JSON_TYPES.includes(type);
  if (UNFIT_TYPES.includes(type)) throw new LockfastError('usage', `${column.id}: a column of the type ${type} does not give back every text as it is`, "use 'text', 'varchar' of sufficient length, a type for bytes, 'json' or 'jsonb'");
  refuseOtherStorage(column, type);
  return { type, transformer: new ColumnTransformer(column, json) };
}

export function isBound(column: Column<unknown>): boolean {
  return (column.definition.context ?? []).length > 0;
}
