/** A table and the columns of it that a job has to do with, looked up and found fit. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnTarget } from '../database.ts';
import type { Ask } from './connection.ts';
import { findKey, type KeyColumn } from './row-key.ts';
import { type StoredValue, storedValue } from './stored-value.ts';
import { findColumns } from './table-columns.ts';
import { findTable, type FoundTable } from './table-name.ts';

export interface TableShape {
  readonly table: FoundTable;
  readonly key: readonly KeyColumn[];
  readonly column: string;
  readonly value: StoredValue;
  readonly context: readonly string[];
  readonly label: string | undefined;
}

/** @throws LockfastError `config-invalid` */
export function findShape(ask: Ask, target: ColumnTarget): TableShape {
  const table = findTable(ask, target.table);
  if (Object.keys(target.set ?? {}).length > 0) {
    throw new LockfastError('config-invalid', `${target.id} has settings for triggers, and SQLite has none that a trigger could look at`, `leave \`set\` out, and let the trigger leave encrypted values alone: WHEN NEW.${target.column} NOT LIKE 'lfv1.%'`);
  }
  const [column] = findColumns(ask, table, [target.column]);
  const value = storedValue(table, column!, target.path ?? []);
  const key = findKey(ask, table, target.key);
  findColumns(ask, table, [...target.context, ...(target.label === undefined ? [] : [target.label])]);
  for (const [part, names] of [['key', key.map(({ name }) => name)], ['context', target.context]] as const) {
    if (!names.includes(target.column)) continue;
    throw new LockfastError('config-invalid', `${table.name}.${target.column} is part of its own ${part}`, `declare another ${part}: it must stay as it is when the value is encrypted`);
  }
  if (target.label === target.column) throw new LockfastError('config-invalid', `${table.name}.${target.column} is its own label, and reports would show its values`, 'declare another label');
  return { table, key, column: target.column, value, context: target.context, label: target.label };
}
