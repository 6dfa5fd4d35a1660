/** What TypeORM tells of entities: as they are loaded, and before they are saved. */
import { EncryptedValue } from '../encrypted-value.ts';
import { isSame } from '../same-value.ts';
import { boundColumns, type ProtectedColumn } from './protected-columns.ts';
import { refuseMissingContext } from './refusals.ts';
import { contextIn, contextValue } from './row-context.ts';
import type { RowWrites } from './row-writes.ts';
import type { TypeormEntity, UpdateEvent } from './typeorm-shapes.ts';

/** An `EntitySubscriberInterface` for every entity. */
export class EncryptedColumnsSubscriber {
  readonly #bound: ReadonlyMap<TypeormEntity, readonly ProtectedColumn[]>;
  readonly #writes: RowWrites;

  constructor(entities: readonly TypeormEntity[], writes: RowWrites) {
    this.#bound = new Map(entities.map((entity) => [entity, boundColumns(entity)]));
    this.#writes = writes;
  }

  /** Decrypts what is bound to the row, which is known only now. @throws LockfastError as `Column.decrypt` */
  afterLoad(entity: object, { metadata }: { readonly metadata: TypeormEntity }): void {
    for (const one of this.#bound.get(metadata) ?? []) {
      const held = one.metadata.getEntityValue(entity);
      if (!(held instanceof EncryptedValue)) continue;
      one.metadata.setEntityValue(entity, one.column.decrypt((held as EncryptedValue<unknown>).stored, contextIn(one, [entity], refuseMissingContext)));
    }
  }

  /** Encrypts what changes in a saved entity, and with it all that is bound to a place that changes. @throws LockfastError */
  beforeUpdate({ metadata, entity, databaseEntity, updatedColumns }: UpdateEvent): void {
    if (entity === undefined || databaseEntity === undefined) return;
    for (const one of this.#bound.get(metadata) ?? []) {
      const plaintext = one.metadata.getEntityValue(entity);
      if (plaintext === undefined || plaintext === null || plaintext instanceof EncryptedValue) continue;
      const moved = one.context.some((context) => {
        const now = contextValue(context, entity);
        return now !== undefined && !isSame(now, contextValue(context, databaseEntity));
      });
      if (moved || updatedColumns.includes(one.metadata)) this.#writes.standIn(entity, one, plaintext, this.#writes.encrypted(one, plaintext, [entity, databaseEntity]));
    }
  }
}
