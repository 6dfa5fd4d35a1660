/** Every refusal of this adapter. A message names tables and columns, and never holds what a query held. */
import { LockfastError } from '@lockfast/core/errors';

export function refuseDefinition(place: string, what: string, hint: string): LockfastError {
  return new LockfastError('usage', `kysely: ${place}: ${what}`, hint);
}

/** A condition, an order, a function, SQL of one's own. */
export function refuseExpression(place: string): LockfastError {
  return new LockfastError('usage', `kysely: ${place} is encrypted: nothing can be computed, compared or ordered by it, since the database knows only encrypted values`, 'select it as it is, or ask for IS NULL; find the rows by other columns');
}

export function refuseWholeRow(alias: string): LockfastError {
  return new LockfastError('usage', `kysely: the whole row of ${alias} is used as one value, and it has encrypted columns`, 'name the columns');
}

export function refuseAmbiguous(name: string): LockfastError {
  return new LockfastError('usage', `kysely: ${name} could be several columns, one of which is encrypted`, 'name the table with the column, and give each column of the result a name of its own');
}

/** Encrypted columns where the row that they belong to can't be had. */
export function refuseSelection(place: string, where: string): LockfastError {
  return new LockfastError('usage', `kysely: ${place} is encrypted, and ${where}`, 'select it in the outermost query, from a table, a subquery in FROM or a common table expression');
}

export function refuseRaw(name: string): LockfastError {
  return new LockfastError('usage', `kysely: SQL of one's own names ${name}, which is encrypted or has encrypted columns`, "use the query builder; for SQL that doesn't touch encrypted values, a database without this plugin: db.withoutPlugins()");
}

export function refuseValue(place: string): LockfastError {
  return new LockfastError('usage', `kysely: ${place} is encrypted, and this sets it to an expression, which the database would store as it is`, 'give the value itself');
}

export function refuseUnknownColumn(place: string): LockfastError {
  return new LockfastError('usage', `kysely: what is set is named by SQL of one's own, so that it could be ${place}, which is encrypted, or what that is bound to`, "name the column: set('column', value)");
}

export function refuseSource(table: string): LockfastError {
  return new LockfastError('usage', `kysely: rows of ${table}, which has encrypted columns, are inserted from a query`, 'read the rows, and insert them with values(), or leave the encrypted columns out');
}

export function refuseUnknownContext(place: string, context: string, write: 'insert' | 'update' | 'conflict'): LockfastError {
  const hint = {
    insert: `give ${context} as a value in the same row`,
    update: `demand .where('${context}', '=', ...) beside the key, or set it, too`,
    conflict: `insert rows of one ${context} at a time, or set ${context} and every column that is bound to it`,
  };
  return new LockfastError('invalid-context', `kysely: ${place} is bound to ${context}, and the statement does not say what ${context} is`, hint[write]);
}

export function refuseContextChange(place: string, context: string): LockfastError {
  return new LockfastError('invalid-context', `kysely: this changes ${context}, which ${place} is bound to, and gives no new value of it`, `set ${place}, too, read with its old ${context} before; or null`);
}

export function refuseConflictWithin(place: string): LockfastError {
  return new LockfastError('invalid-context', `kysely: ${place}: an upsert inside of another statement can't be known to meet rows of its own place`, 'make it a statement of its own');
}

/** After the statement: its guard let a row be. */
export function refuseLostUpsert(table: string, context: string): LockfastError {
  return new LockfastError('conflict', `kysely: ${table}: a row with such a key exists and has another ${context}; it was left as it is`, `read the row by its key, and update it by what it holds; in a transaction, roll back`);
}

export function refuseResult(name: string): LockfastError {
  return new LockfastError('usage', `kysely: the result has an encrypted value in ${name}, and the query does not tell of which column it is`, 'select the column as it is; to get what is stored, use db.withoutPlugins() and decrypt it with the column');
}

export function refuseMissing(name: string): LockfastError {
  return new LockfastError('usage', `kysely: the query selects ${name}, and the result does not have it`, 'attach the plugin last, after those that rename columns');
}
