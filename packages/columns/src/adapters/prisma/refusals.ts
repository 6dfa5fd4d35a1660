/** Every refusal of this adapter. A message names models, fields and operations, and never holds what an argument held. */
import { LockfastError } from '@lockfast/core/errors';

/** At the start: what is defined can't be, or the client is none that we know. */
export function refuseDefinition(place: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `prisma: ${place}: ${what}`, hint);
}

/** A path through the arguments that we don't know could hold plaintext. */
export function refusePath(place: string, what: string): LockfastError {
  return new LockfastError('usage', `prisma: ${place}: ${what}`, 'write it as the schema has it; what is not understood here is not passed on, since it might store plaintext');
}

export function refuseFilter(place: string, how: string): LockfastError {
  return new LockfastError('usage', `prisma: ${place} is encrypted: it can not be ${how}, since the database knows only encrypted values`, 'only null checks work ({ equals: null }, { not: null }); find the rows by other columns, such as a blind index of this one');
}

export function refuseChange(place: string, how: string): LockfastError {
  return new LockfastError('usage', `prisma: ${place} is encrypted: it can not be changed by ${how}`, 'give the whole new value');
}

export function refuseJsonNull(place: string): LockfastError {
  return new LockfastError('invalid-text', `prisma: ${place} is encrypted: Prisma.JsonNull can not be stored`, 'store Prisma.DbNull; a null inside of an object or array is fine');
}

/** A new value, and this write does not say where it will stand. */
export function refuseUnknownContext(place: string, field: string, write: 'create' | 'update'): LockfastError {
  return new LockfastError(
    'invalid-context',
    `prisma: ${place} is bound to ${field}, and this ${write} does not say what ${field} is`,
    write === 'create' ? `give ${field} in the data, or connect the relation by the field that it refers to` : `name ${field} in \`where\` beside the key, or give it in the data`,
  );
}

export function refuseContextChange(place: string, field: string): LockfastError {
  return new LockfastError('invalid-context', `prisma: this changes ${field}, which ${place} is bound to, and gives no new value of it`, `give ${place} in the same data, read with its old ${field} before; or null`);
}

/** A change of one row that reaches the context of others. */
export function refuseRebinding(place: string, what: string, bound: string): LockfastError {
  return new LockfastError('invalid-context', `prisma: ${place}: ${what} would change what ${bound} is bound to`, `update those rows by themselves, with new values of ${bound}`);
}

export function refuseTrailingSpace(place: string, field: string): LockfastError {
  return new LockfastError('invalid-context', `prisma: ${place} is bound to ${field}, which ends in a space here`, 'give it as the database will hold it');
}

/** A row without its context columns: a computed field asked for less than it needs. */
export function refuseMissingContext(place: string, field: string): LockfastError {
  return new LockfastError('invalid-context', `prisma: ${place} was read without ${field}, which it is bound to`, `select ${field}, too; a computed field names it in its needs`);
}

export function refuseLostUpsert(model: string): LockfastError {
  return new LockfastError('conflict', `prisma: ${model}.upsert: a row with this key exists, and does not fit the rest of \`where\`; nothing was written`, 'read the row by its key alone, and update it by what it holds');
}

export function refuseRaw(operation: string): LockfastError {
  return new LockfastError('not-permitted', `prisma: ${operation}: raw SQL is refused by this client, since it goes past encryption`, 'use the model, or a client of its own for raw SQL');
}
