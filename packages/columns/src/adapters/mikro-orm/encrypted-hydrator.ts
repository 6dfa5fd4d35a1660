import { type EntityData, type EntityFactory, type EntityMetadata, helper, isRaw, ObjectHydrator } from '@mikro-orm/core';

import { contextIn, EncryptedProperties } from './encrypted-properties.ts';
import { HeldValue } from './held-value.ts';
import { encryptMerged } from './merged-values.ts';

/** The option `hydrator` of MikroORM: makes entities of rows, where columns are bound to others of the same row. */
export class EncryptedHydrator extends ObjectHydrator {
  readonly #encrypted = new EncryptedProperties();

  constructor(...args: ConstructorParameters<typeof ObjectHydrator>) {
    super(...args);
    encryptMerged(this.config.getDriver(), this.#encrypted);
  }

  /** @throws LockfastError `invalid-context` where a context column was not read; and as `Column.decrypt` */
  override hydrate<T extends object>(
    entity: T,
    meta: EntityMetadata<T>,
    data: EntityData<T>,
    factory: EntityFactory,
    type: 'full' | 'reference',
    newEntity?: boolean,
    convertCustomTypes?: boolean,
    schema?: string,
    parentSchema?: string,
    normalizeAccessors?: boolean,
  ): void {
    // Otherwise they are values of the application.
    if (convertCustomTypes === true) this.#open(entity, meta, data);
    super.hydrate(entity, meta, data, factory, type, newEntity, convertCustomTypes, schema, parentSchema, normalizeAccessors);
  }

  #open<T extends object>(entity: T, meta: EntityMetadata<T>, row: Record<string, unknown>): void {
    for (const encrypted of this.#encrypted.of(meta as EntityMetadata)) {
      const { property, type, context } = encrypted;
      const received = row[property];
      if (context.length === 0 || received === null || received === undefined || received instanceof HeldValue || isRaw(received)) continue;
      // What is read later, of an entity that is there, comes without the rest of its row.
      const before = helper(entity).__originalEntityData as Readonly<Record<string, unknown>> | undefined;
      const place = contextIn(
        encrypted,
        (name) => row[name] ?? before?.[name],
        (name) => `load ${name}, too: fields: ['${name}', '${property}']`,
      );
      row[property] = new HeldValue(type.column, type.column.decrypt(type.fromDriver(received), place));
    }
  }
}
