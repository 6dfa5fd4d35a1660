/** What TypeORM tells of entities: as they are loaded, and before they are saved. Each is an `EntitySubscriberInterface` for every entity. */
import { EncryptedValue } from '../encrypted-value.ts';
import { isSame } from '../same-value.ts';
import { boundColumns, type ProtectedColumn } from './protected-columns.ts';
import { refuseMissingContext } from './refusals.ts';
import { contextIn, contextValue } from './row-context.ts';
import type { RowWrites } from './row-writes.ts';
import type { TypeormEntity, UpdateEvent } from './typeorm-shapes.ts';

type BoundByEntity = ReadonlyMap<TypeormEntity, readonly ProtectedColumn[]>;

export function boundByEntity(entities: readonly TypeormEntity[]): BoundByEntity {
  return new Map(entities.map((entity) => [entity, boundColumns(entity)]));
}

/** To be asked before all others, so that they see plain values. */
export class LoadedEntities {
  readonly #bound: BoundByEntity;

  constructor(bound: BoundByEntity) {
    this.#bound = bound;
  }

  /** Decrypts what is bound to the row, which is known only now. @throws LockfastError as `Column.decrypt` */
  afterLoad(entity: object, { metadata }: { readonly metadata: TypeormEntity }): void {
    for (const one of this.#bound.get(metadata) ?? []) {
      const held = one.metadata.getEntityValue(entity);
      if (!(held instanceof EncryptedValue)) continue;
      one.metadata.setEntityValue(entity, one.column.decrypt((held as EncryptedValue<unknown>).stored, contextIn(one, [entity], refuseMissingContext)));
    }
  }
}

/** To be asked after all others, which may change entities. */
export class SavedEntities {
  readonly #bound: BoundByEntity;
  readonly #writes: RowWrites;

  constructor(bound: BoundByEntity, writes: RowWrites) {
    this.#bound = bound;
    this.#writes = writes;
  }

  /** Encrypts what changes in a saved entity, and with it all that is bound to a place that changes. @throws LockfastError */
  beforeUpdate({ metadata, entity, databaseEntity }: UpdateEvent): void {
    if (entity === undefined || databaseEntity === undefined) return;
    for (const one of this.#bound.get(metadata) ?? []) {
      const plaintext = one.metadata.getEntityValue(entity);
      if (plaintext === undefined || plaintext === null || plaintext instanceof EncryptedValue) continue;
      const moved = one.context.some((context) => {
        const now = contextValue(context, entity);
        return now !== undefined && !isSame(now, contextValue(context, databaseEntity));
      });
      // TypeORM computed its changes before others who are asked changed the entity.
      const changed = one.transformer.to(plaintext) !== one.transformer.to(one.metadata.getEntityValue(databaseEntity));
      if (moved || changed) this.#writes.standIn(entity, one, plaintext, this.#writes.encrypted(one, plaintext, [entity, databaseEntity]));
    }
  }
}
