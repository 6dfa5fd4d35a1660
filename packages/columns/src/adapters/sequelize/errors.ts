/** Errors of Sequelize carry the instance that they are about, and with it every plain value. */
import { protectedAttributes } from './protected-attributes.ts';
import type { SequelizeModel } from './sequelize-shapes.ts';

/** Takes instances and values of encrypted attributes out of an error. @returns it */
export function withoutValues(error: unknown, models: readonly SequelizeModel[]): unknown {
  if (!(error instanceof Error)) return error;
  const names = new Set(models.flatMap((model) => protectedAttributes(model).flatMap(({ attribute, field }) => [attribute, field])));
  strip(error, names);
  return error;
}

function strip(error: object, names: ReadonlySet<string>): void {
  if ('errors' in error && Array.isArray(error.errors)) {
    for (const one of error.errors as unknown[]) if (one !== null && typeof one === 'object') strip(one, names);
  }
  // Of `ValidationErrorItem`, and of `BulkRecordError`, which has the error inside.
  for (const member of ['instance', 'record']) if (member in error) Object.assign(error, { [member]: null });
  // Of `OptimisticLockError`: the row as it would have been written.
  if ('values' in error && error.values !== null && typeof error.values === 'object') Object.assign(error, { values: Object.fromEntries(Object.entries(error.values).filter(([name]) => !names.has(name))) });
  if ('path' in error && 'value' in error && names.has(String(error.path))) Object.assign(error, { value: null });
}
