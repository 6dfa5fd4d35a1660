import { LockfastError } from '@lockfast/core/errors';
import type { Context, ContextValue } from '@lockfast/core/formats';

/** The values of a row's context columns, by name. */
export type ColumnContext = Readonly<Record<string, ContextValue>>;

/** What a value of a column is for: part of the key derivation and of every context. */
export const COLUMN_PURPOSE = 'column';

const NO_CONTEXT: ColumnContext = {};

/**
 * The context of one value: the column's id, then its context columns in the order of the definition. So a value that
 * is copied to another column, or to a row of another tenant, does not decrypt there.
 *
 * @param names those of the definition
 * @param tenant the one among them that says whose the row is, where that is known
 * @throws LockfastError `invalid-context` unless exactly these are given, as texts or integers
 */
export function contextOf(id: string, names: readonly string[], values: ColumnContext = NO_CONTEXT, tenant?: string): Context {
  // One that the definition does not name would bind nothing, and its owner would believe that it does.
  if (values === null || typeof values !== 'object' || Object.keys(values).length !== names.length) throw invalid(id, names);
  return placeOf(
    id,
    names.map((name) => (Object.hasOwn(values, name) ? values[name] : undefined)),
    names,
    tenant,
  );
}

/**
 * As {@link contextOf}, for values in the order of the names, as a job reads them.
 *
 * @throws LockfastError `invalid-context` where one is null, missing, or neither text nor an integer
 */
export function placeOf(id: string, values: readonly (ContextValue | null | undefined)[], names: readonly string[], tenant?: string): Context {
  const place: ContextValue[] = [id];
  for (const value of values) {
    // What a text may be is the cipher's to check; a Fernet token is made without one.
    if (!['string', 'bigint'].includes(typeof value) && !Number.isSafeInteger(value)) throw invalid(id, names);
    place.push(value!);
  }
  return tenant === undefined ? { place } : { tenant: place[1 + names.indexOf(tenant)]!, place };
}

function invalid(id: string, names: readonly string[]): LockfastError {
  return new LockfastError(
    'invalid-context',
    names.length === 0 ? `${id}: a context is given, and the column has none` : `${id}: the context is not exactly ${names.join(', ')}, or one of them is neither text nor an integer that a number holds exactly`,
    names.length === 0 ? 'leave it out, or name it in the definition before the first value is encrypted' : 'give each of them, as at encryption',
  );
}
