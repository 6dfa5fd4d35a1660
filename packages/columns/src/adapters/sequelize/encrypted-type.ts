/** The data type of an encrypted attribute. */
import type { Column, Stored } from '../../index.ts';
import { EncryptedValue } from '../encrypted-value.ts';
import { storedOfParsed } from '../parsed-json.ts';
import { refuseOtherStorage } from '../type-storage.ts';
import { refusePlain } from './refusals.ts';

const JSON_TYPES: readonly string[] = ['JSON', 'JSONB'];

/** Lets nothing through to the database but encrypted values of its column. A plain value is an error, whoever hands it over. */
export class EncryptedType {
  /** No type of Sequelize, which would take its place. */
  readonly key = 'LOCKFAST';
  readonly dialectTypes = '';
  readonly column: Column<unknown>;
  readonly #sql: string;
  readonly #json: boolean;

  constructor(column: Column<unknown>, sql: string) {
    this.column = column;
    this.#sql = sql;
    this.#json = JSON_TYPES.includes(sql.toUpperCase());
    refuseOtherStorage(column, sql);
  }

  toSql(): string {
    return this.#sql;
  }

  toString(): string {
    return this.#sql;
  }

  /** Asked for what stands in SQL itself. @throws LockfastError `usage` */
  stringify(value: unknown): string {
    // Bytes are escaped as bytes after this; Sequelize's type knows of texts only.
    return this.#driven(value) as string;
  }

  /** Asked for a parameter. @throws LockfastError `usage` */
  bindParam(value: unknown, { bindParam }: { readonly bindParam: (value: unknown) => string }): string {
    return bindParam(this.#driven(value));
  }

  /** What the driver received, as it was stored. */
  storedOf(received: unknown): Stored {
    return this.#json ? storedOfParsed(this.column, received) : (received as Stored);
  }

  #driven(value: unknown): unknown {
    if (!(value instanceof EncryptedValue) || value.column.id !== this.column.id || !this.column.isEncrypted(value.stored)) throw refusePlain(this.column);
    const stored: Stored = value.stored;
    if (typeof stored !== 'string') return Buffer.isBuffer(stored) ? stored : Buffer.from(stored);
    return this.#json ? JSON.stringify(stored) : stored;
  }
}

/**
 * The type of an encrypted attribute: `botToken: { type: encryptedType(botToken, 'TEXT'), field: 'bot_token' }`. It stores
 * nothing until `protectSequelize` was called.
 *
 * @param sql the type in SQL: one for text or for bytes, as the definition's storage; `JSON` and `JSONB` keep the encrypted value as a JSON string
 * @throws LockfastError `usage` where a column of that type can't hold its values
 */
export function encryptedType(column: Column<unknown>, sql: string): EncryptedType {
  return new EncryptedType(column, sql);
}
