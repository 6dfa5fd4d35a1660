/** A value whose context changes under it never decrypts again: such writes are refused. */
import { LockfastError } from '@lockfast/core/errors';

import { EncryptedValue } from '../encrypted-value.ts';
import { boundColumns, type ProtectedColumn, protectedColumns } from './protected-columns.ts';
import { refuseContextChange, refuseCopy, refuseUpsert } from './refusals.ts';
import { contextIn, contextValue } from './row-context.ts';
import type { TypeormBuilder, TypeormColumn, TypeormEntity } from './typeorm-shapes.ts';

/** Of an UPDATE. @param changes what it sets, by property @throws LockfastError `invalid-context` */
export function checkChanges(entity: TypeormEntity, changes: object): void {
  for (const one of boundColumns(entity)) {
    const moved = one.context.find((metadata) => isSet(metadata, changes));
    if (moved === undefined) continue;
    const value = one.metadata.getEntityValue(changes);
    if (value === undefined) throw refuseContextChange(one.column, moved.propertyPath);
    if (value instanceof EncryptedValue) checkPlace(one, value as EncryptedValue<unknown>, changes, moved);
  }
}

/** Of an INSERT, which may change a row that is there. @param reliable whether only a conflict over the named columns changes a row @throws LockfastError */
export function checkInsert(entity: TypeormEntity, map: TypeormBuilder['expressionMap'], reliable: boolean): void {
  const [first] = protectedColumns(entity);
  if (first !== undefined && map.insertFromSelect !== undefined) throw refuseCopy(first.column);
  const { onUpdate } = map;
  if (onUpdate === undefined) return;
  const overwritten = onUpdate.overwrite ?? onUpdate.columns ?? [];
  const conflict = reliable && Array.isArray(onUpdate.conflict) ? (onUpdate.conflict as readonly string[]) : [];
  for (const { metadata, column, context } of boundColumns(entity)) {
    const elsewhere = context.filter(({ databaseName }) => !conflict.includes(databaseName));
    const lost = overwritten.includes(metadata.databaseName)
      ? elsewhere.find(({ databaseName }) => !overwritten.includes(databaseName))
      : elsewhere.find(({ databaseName }) => overwritten.includes(databaseName));
    if (lost !== undefined) throw refuseUpsert(column, lost.propertyPath);
  }
}

function isSet(metadata: TypeormColumn, changes: object): boolean {
  return contextValue(metadata, changes) !== undefined || metadata.relationMetadata?.getEntityValue(changes) !== undefined;
}

/** A value that was encrypted for another place than the row gets. Where the changes don't say the whole place, nothing is known. */
function checkPlace({ column, metadata, context }: ProtectedColumn, value: EncryptedValue<unknown>, changes: object, moved: TypeormColumn): void {
  if (!context.every((one) => isSet(one, changes))) return;
  try {
    column.keyIdOf(value.stored, contextIn({ column, metadata, context }, [changes], refuseContextChange));
  } catch (error) {
    if (error instanceof LockfastError) throw refuseContextChange(column, moved.propertyPath);
    throw error;
  }
}
