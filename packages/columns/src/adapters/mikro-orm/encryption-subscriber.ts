import { LockfastError } from '@lockfast/core/errors';
import { type EventArgs, type EventSubscriber, helper, isRaw } from '@mikro-orm/core';

import { contextIn, EncryptedProperties, type EncryptedProperty } from './encrypted-properties.ts';
import { HeldValue } from './held-value.ts';

type Row = Record<string, unknown>;

/** The last of MikroORM's `subscribers`: encrypts what a flush writes, for the place that its row is in. */
export class EncryptionSubscriber implements EventSubscriber<object> {
  readonly #encrypted = new EncryptedProperties();
  readonly #moving = new WeakSet<object>();

  /**
   * Says that the values of an entity go along when the next flush changes what they are bound to: they are encrypted anew,
   * for the new place. Without it that is refused.
   */
  moveValues(entity: object): void {
    this.#moving.add(entity);
  }

  /** @throws LockfastError as `Column.encrypt`; `invalid-context` where the row lacks what a value is bound to */
  beforeCreate(args: EventArgs<object>): void {
    this.#encrypt(args);
  }

  /** @throws LockfastError as {@link beforeCreate}; `invalid-context` where a context column changes without the values bound to it */
  beforeUpdate(args: EventArgs<object>): void {
    this.#encrypt(args);
    this.#moving.delete(args.entity);
  }

  /** MikroORM takes what was inserted for its snapshot: there the values belong, or the next flush would write them again. */
  afterCreate({ entity, em, meta }: EventArgs<object>): void {
    const snapshot = helper(entity).__originalEntityData as Row | undefined;
    const now = em.getComparator().prepareEntity(entity) as Row;
    for (const { property } of this.#encrypted.of(meta)) if (snapshot !== undefined && Object.hasOwn(snapshot, property)) snapshot[property] = now[property];
  }

  #encrypt({ entity, em, meta, changeSet }: EventArgs<object>): void {
    const encrypted = this.#encrypted.of(meta);
    if (encrypted.length === 0 || changeSet === undefined) return;
    const payload = changeSet.payload as Row;
    const row = em.getComparator().prepareEntity(entity) as Row;
    for (const one of encrypted) {
      if (this.#isMoved(one, entity, payload, row, changeSet.originalEntity !== undefined)) payload[one.property] = row[one.property];
      const value = payload[one.property];
      if (isRaw(value)) throw new LockfastError('usage', `${one.type.column.id}: the column is encrypted, and SQL is given as its value`, 'give the whole new value; nothing can be computed from an encrypted one');
      if (value instanceof HeldValue) payload[one.property] = sealed(one, value, { ...row, ...payload });
    }
  }

  /** Whether a value that was not changed must be written anew, since what it is bound to changes. */
  #isMoved({ property, type, context }: EncryptedProperty, entity: object, payload: Row, row: Row, exists: boolean): boolean {
    const moved = context.find((one) => Object.hasOwn(payload, one.property));
    if (!exists || moved === undefined || Object.hasOwn(payload, property) || row[property] === null) return false;
    if (row[property] instanceof HeldValue && this.#moving.has(entity)) return true;
    throw new LockfastError(
      'invalid-context',
      `${type.column.id}: ${moved.property} changes, and ${property} is bound to what it was`,
      row[property] instanceof HeldValue ? `give ${property} a new value, too, or say subscriber.moveValues(entity) before the flush` : `load ${property} before, or give it a new value`,
    );
  }
}

function sealed(encrypted: EncryptedProperty, value: HeldValue<unknown>, row: Row): unknown {
  const { column } = encrypted.type;
  const place = contextIn(
    encrypted,
    (name) => row[name],
    (name) => `set ${name} before the flush; a reference that was not loaded does not know it`,
  );
  return encrypted.type.toDriver(column.encrypt(value.value, place));
}
