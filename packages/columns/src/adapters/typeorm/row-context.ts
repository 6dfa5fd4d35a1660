/** What a value is bound to, read from the row that it stands in. */
import type { LockfastError } from '@lockfast/core/errors';

import type { Column, ColumnContext } from '../../index.ts';
import type { ProtectedColumn } from './protected-columns.ts';
import type { TypeormColumn } from './typeorm-shapes.ts';

/** The present value of a context column; through its relation, too. Undefined where the row does not say. */
export function contextValue(metadata: TypeormColumn, row: object): unknown {
  const value = metadata.getEntityValue(row);
  if (value !== undefined) return value;
  const related = metadata.relationMetadata?.getEntityValue(row);
  // A relation that is given by its id alone; an object was looked into above.
  return related !== null && typeof related === 'object' ? undefined : related;
}

/**
 * @param rows are asked one after the other
 * @throws LockfastError `missing` where none of them says
 */
export function contextIn({ column, context }: ProtectedColumn, rows: readonly object[], missing: (column: Column<unknown>, property: string) => LockfastError): ColumnContext {
  const names = column.definition.context ?? [];
  const entries = context.map((metadata, i): [string, unknown] => {
    const value = rows.map((row) => contextValue(metadata, row)).find((one) => one !== undefined && one !== null);
    if (value === undefined) throw missing(column, metadata.propertyPath);
    return [names[i]!, value];
  });
  // What it may hold is the context's to check.
  return Object.fromEntries(entries) as ColumnContext;
}
