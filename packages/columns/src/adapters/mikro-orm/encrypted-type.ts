import { LockfastError } from '@lockfast/core/errors';
import { type EntityProperty, type Platform, type TransformContext, Type } from '@mikro-orm/core';

import type { Column, Stored } from '../../index.ts';
import { type DriverForm, driverFormOf } from '../driver-form.ts';
import { asCause, HeldValue } from './held-value.ts';

/**
 * The type of an encrypted property: `{ type: encryptedType(botToken), nullable: true }`. MikroORM needs `EncryptedHydrator` and
 * `EncryptionSubscriber` besides, since a type sees a value and never its row.
 *
 * @param sqlType such as `varchar(500)`, `jsonb`; that of text or bytes in the database without it, as the definition's storage
 * @throws LockfastError `usage` for a type that can't hold the values
 */
export function encryptedType<V>(column: Column<V>, sqlType?: string): EncryptedType<V> {
  return new EncryptedType(column, sqlType);
}

interface Held<V> {
  readonly column: Column<V>;
  readonly form: DriverForm;
  readonly sqlType: string | undefined;
}

/** Use {@link encryptedType}. */
export class EncryptedType<V> extends Type<V | null | undefined, unknown> {
  static readonly #properties = new WeakMap<object, EntityProperty>();

  // MikroORM tells a type its property while it discovers the entities: then it is known what else is asked of it.
  static {
    Object.defineProperty(EncryptedType.prototype, 'prop', {
      configurable: true,
      get(this: EncryptedType<unknown>) {
        return EncryptedType.#properties.get(this);
      },
      set(this: EncryptedType<unknown>, prop: EntityProperty | undefined) {
        if (prop === undefined) return;
        EncryptedType.#properties.set(this, prop);
        checkProperty(prop, this.column.id);
      },
    });
  }

  /** As a function, since MikroORM copies its types member by member, and a column can't be copied so. */
  private readonly held: () => Held<V>;

  constructor(column: Column<V>, sqlType: string | undefined) {
    super();
    const held: Held<V> = { column, form: driverFormOf(column, sqlType), sqlType };
    this.held = () => held;
    // The member of the class above would hide the one that is told.
    delete this.prop;
  }

  get column(): Column<V> {
    return this.held().column;
  }

  /** The names of the columns that values are bound to. */
  get context(): readonly string[] {
    return this.column.definition.context ?? [];
  }

  override convertToDatabaseValue(value: unknown, _platform: Platform, { mode }: TransformContext = {}): unknown {
    if (value === null || value === undefined) return value;
    if (mode === 'query') throw refuseQuestion(this.column.id, 'compared with a value');
    if (mode === 'query-data') return given(this, value as V);
    // For a snapshot, or a change set.
    return value instanceof HeldValue ? value : new HeldValue(this.column, value as V);
  }

  override convertToJSValue(received: unknown): V | null | undefined {
    if (received === null || received === undefined) return received;
    if (received instanceof HeldValue) return received.value as V;
    if (this.context.length === 0) return this.column.decrypt(this.fromDriver(received));
    throw new LockfastError('usage', `${this.column.id}: its values are bound to ${this.context.join(', ')}, and a type of MikroORM does not see the row`, 'give MikroORM the option hydrator: EncryptedHydrator');
  }

  override compareValues(one: unknown, other: unknown): boolean {
    return one instanceof HeldValue && other instanceof HeldValue ? one.equals(other) : one === other;
  }

  // Neither any nor the database's type: MikroORM would check values against that, and its errors quote them.
  override compareAsType(): string {
    return 'object';
  }

  override get runtimeType(): string {
    return 'any';
  }

  override getColumnType(prop: EntityProperty, platform: Platform): string {
    const { sqlType } = this.held();
    if (sqlType !== undefined) return sqlType;
    return this.column.definition.storage === 'binary' ? platform.getBlobDeclarationSQL() : platform.getTextTypeDeclarationSQL(prop);
  }

  toDriver(stored: Stored): unknown {
    // MikroORM writes bytes into SQL itself, and knows only those of Node.
    return this.held().form.toDriver(typeof stored === 'string' ? stored : Buffer.from(stored));
  }

  fromDriver(received: unknown): Stored {
    return this.held().form.fromDriver(received);
  }
}

/** Data of a statement that goes past the unit of work. */
function given<V>(type: EncryptedType<V>, value: V): unknown {
  const { column, context } = type;
  if (context.length === 0) return type.toDriver(column.encrypt(value));
  // Whoever knows the place has the column itself.
  if (column.isEncrypted(value)) return type.toDriver(value);
  throw asCause(
    new LockfastError(
      'usage',
      `${column.id}: its values are bound to ${context.join(', ')}, which nativeInsert, nativeUpdate, insert, upsert and query builders don't tell`,
      'write through em.persist and em.flush; or give what the column encrypted for that place',
    ),
  );
}

function checkProperty(prop: EntityProperty, id: string): void {
  const wrong = prop.primary === true ? 'a key' : prop.unique !== undefined && prop.unique !== false ? 'unique' : prop.index !== undefined && prop.index !== false ? 'indexed' : prop.default !== undefined || prop.defaultRaw !== undefined ? 'filled in by a default' : undefined;
  if (wrong !== undefined) throw new LockfastError('usage', `${id}: an encrypted property can not be ${wrong}`, wrong === 'filled in by a default' ? 'the database would fill in plaintext: use onCreate, or give the value' : 'two encrypted values of the same text are never equal: drop it');
  // Read where MikroORM makes ORDER BY, and nowhere else: there is no other place to refuse it.
  Object.defineProperty(prop, 'customOrder', {
    configurable: true,
    enumerable: false,
    get: () => {
      throw refuseQuestion(id, 'ordered by');
    },
  });
}

function refuseQuestion(id: string, how: string): LockfastError {
  const refusal = new LockfastError('usage', `${id} is encrypted: it can not be ${how}, since the database knows only encrypted values`, 'only null can be asked for; find the rows by other properties');
  return asCause(refusal);
}
