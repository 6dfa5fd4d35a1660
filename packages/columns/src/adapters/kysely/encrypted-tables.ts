import type { Column } from '../../column.ts';
import { type DriverForm, driverFormOf } from '../driver-form.ts';
import { keyOf } from './nodes.ts';
import { refuseDefinition } from './refusals.ts';

/** Which columns are encrypted, by table and column as the database spells them: `{ connections: { bot_token: botToken } }`. */
export type ColumnsOfTables = Readonly<Record<string, Readonly<Record<string, Column<unknown> | JsonColumn>>>>;

/** A column that is `json` or `jsonb` in the database, and holds the encrypted value as a JSON string. */
export class JsonColumn {
  readonly column: Column<unknown>;

  constructor(column: Column<unknown>) {
    this.column = column;
  }
}

/** For a column that was JSON in the database before it was encrypted, and stays so: `settings: inJson(settings)`. */
export function inJson(column: Column<unknown>): JsonColumn {
  return new JsonColumn(column);
}

/** One encrypted column of a table. */
export interface EncryptedColumn {
  /** For messages: `connections.bot_token`. */
  readonly place: string;
  readonly name: string;
  readonly column: Column<unknown>;
  readonly form: DriverForm;
  readonly context: readonly string[];
}

/** By the keys of their names. */
export type EncryptedColumns = ReadonlyMap<string, EncryptedColumn>;

const NONE: EncryptedColumns = new Map();

export class EncryptedTables {
  readonly #tables: ReadonlyMap<string, EncryptedColumns>;

  /** @throws LockfastError `usage` for no column, a name that is there twice, or a storage that can't be */
  constructor(tables: ColumnsOfTables) {
    const known = new Map<string, EncryptedColumns>();
    for (const [table, columns] of Object.entries(tables)) {
      const names = new Map(Object.entries(columns).map(([name, column]) => [keyOf(name), encryptedColumn(table, name, column)]));
      if (names.size === 0 || names.size !== Object.keys(columns).length || known.has(keyOf(table))) throw refuseDefinition(table, 'it is there twice, without a column, or with one twice', 'name each table and column once');
      for (const { place, context } of names.values()) {
        const encrypted = context.find((one) => names.has(keyOf(one)));
        if (encrypted !== undefined) throw refuseDefinition(place, `it is bound to ${encrypted}, which is encrypted itself`, 'bind it to columns that are not encrypted');
      }
      known.set(keyOf(table), names);
    }
    this.#tables = known;
  }

  /** Those of one table: of `schema.table` where it is there by that name, else of `table` in every schema. */
  of(table: string, schema: string | undefined): EncryptedColumns {
    return this.#tables.get(keyOf(`${schema ?? ''}.${table}`)) ?? this.#tables.get(keyOf(table)) ?? NONE;
  }

  /** Whether a word of SQL could be a table with encrypted columns. */
  isTable(word: string): boolean {
    return this.#tables.has(word) || [...this.#tables.keys()].some((name) => name.endsWith(`.${word}`));
  }
}

function encryptedColumn(table: string, name: string, given: Column<unknown> | JsonColumn): EncryptedColumn {
  const column = given instanceof JsonColumn ? given.column : given;
  return { place: `${table}.${name}`, name, column, form: driverFormOf(column, given instanceof JsonColumn ? 'jsonb' : undefined), context: column.definition.context ?? [] };
}
