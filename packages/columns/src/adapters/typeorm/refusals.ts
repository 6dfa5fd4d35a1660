/** Every refusal of this adapter. A message names columns and properties, and never holds a value. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column } from '../../index.ts';

type AnyColumn = Column<unknown>;

/** At the start: what is declared can't be. */
export function refuseDefinition(place: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `typeorm: ${place}: ${what}`, hint);
}

/** A plain value where TypeORM would hand it to the database: in a condition, or where the data source is not protected. */
export function refusePlain({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted, and this value is not`, 'call protectDataSource after initialize; a condition on an encrypted column finds nothing: find the rows by other columns');
}

export function refuseFilter({ id }: AnyColumn, how: string): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted: it can not be ${how}, since the database knows only encrypted values`, 'only IsNull() and Not(IsNull()) work; find the rows by other columns');
}

export function refuseSqlValue({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted, and SQL is given as its value`, 'give the whole new value; nothing can be added to or computed from an encrypted one');
}

export function refuseForeign({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: this is an encrypted value of another column`, 'decrypt it first; a value opens only in the column that it was encrypted for');
}

export function refuseUnknownContext({ id }: AnyColumn, property: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: its values are bound to ${property}, and this write does not say what ${property} is`, `give ${property} with the row; an update by criteria takes encryptChanges(repository, changes, place)`);
}

export function refuseMissingContext({ id }: AnyColumn, property: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: it was read without ${property}, which its values are bound to`, `select ${property}, too`);
}

export function refuseContextChange({ id }: AnyColumn, property: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: this changes ${property}, and gives no value of the column for the new place`, 'give every value that is bound to it in the same write, or null; save() of a whole entity does so by itself');
}

export function refuseUpsert({ id }: AnyColumn, property: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: this upsert would change the column or ${property}, which it is bound to, without the other`, 'give every value that is bound to it, or null, and overwrite the columns that it is bound to as well');
}

export function refuseCopy({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted, and rows are inserted from a SELECT`, 'read the rows, and insert them as entities');
}

export function refuseTable(table: string, { id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: rows of ${table} are written by the name of the table, and TypeORM does not know its columns then`, 'name the entity');
}
