/** Every refusal of this adapter. A message names columns and attributes, and never holds a value. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column } from '../../index.ts';

type AnyColumn = Column<unknown>;

export function refuseDefinition(place: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `sequelize: ${place}: ${what}`, hint);
}

/** A plain value where Sequelize would hand it to the database. */
export function refusePlain({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted, and this value is not`, 'call protectSequelize; a condition on an encrypted column finds nothing: find the rows by other columns');
}

export function refuseFilter({ id }: AnyColumn, how: string): LockfastError {
  return new LockfastError('usage', `${id}: the column is encrypted: it can not be ${how}, since the database knows only encrypted values`, 'only null checks work (null, { [Op.not]: null }); find the rows by other columns');
}

export function refuseArithmetic({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: an encrypted value, or what it is bound to, can not be incremented`, 'give the whole new value');
}

export function refuseUnknownContext({ id }: AnyColumn, name: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: its values are bound to ${name}, and this write does not say what ${name} is`, `give ${name} with the row; in an update by criteria, name it in \`where\``);
}

export function refuseMissingContext({ id }: AnyColumn, name: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: it was read without ${name}, which its values are bound to`, `name ${name} in \`attributes\`, too`);
}

export function refuseContextChange({ id }: AnyColumn, name: string): LockfastError {
  return new LockfastError('invalid-context', `${id}: this changes ${name}, and gives no value of the column for the new place`, 'give every value that is bound to it in the same write, or null; save() of a whole instance does so by itself');
}

export function refuseTable({ id }: AnyColumn): LockfastError {
  return new LockfastError('usage', `${id}: rows of its table are written past the model`, 'write them with the model');
}
