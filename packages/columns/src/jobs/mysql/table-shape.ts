/** A table and the columns of it that a job has to do with, looked up and found fit. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnTarget } from '../database.ts';
import type { Ask } from './connection.ts';
import { type FoundKey, findKey } from './row-key.ts';
import { storedValue, type StoredValue } from './stored-value.ts';
import { columnNamed, readColumns, refuseBytes } from './table-columns.ts';
import { findTable, type FoundTable } from './table-name.ts';

export interface TableShape {
  readonly table: FoundTable;
  readonly key: FoundKey;
  readonly column: string;
  readonly value: StoredValue;
  readonly context: readonly string[];
  readonly label: string | undefined;
  /** Columns that the server would set to now: an encryption is no change of the row to those who read them. */
  readonly onUpdate: readonly string[];
}

/** @throws LockfastError `config-invalid`, `database-refused` */
export async function findShape(ask: Ask, target: ColumnTarget, mariadb: boolean): Promise<TableShape> {
  const table = await findTable(ask, target.table);
  const columns = await readColumns(ask, table, mariadb);
  const column = columnNamed(columns, table, target.column);
  const value = storedValue(table, column, target.path ?? [], target.leastCharacters);
  const key = await findKey(ask, table, columns, target.key);
  const context = target.context.map((name) => {
    const found = columnNamed(columns, table, name);
    refuseBytes(found, table, 'context column');
    return found.name;
  });
  for (const [part, names] of [['key', key.columns.map(({ name }) => name)], ['context', context]] as const) {
    if (!names.includes(column.name)) continue;
    throw new LockfastError('config-invalid', `${table.name}.${column.name} is part of its own ${part}`, `declare another ${part}: it must stay as it is when the value is encrypted`);
  }
  const label = target.label === undefined ? undefined : columnNamed(columns, table, target.label);
  if (label !== undefined) refuseBytes(label, table, 'label');
  if (label?.name === column.name) throw new LockfastError('config-invalid', `${table.name}.${column.name} is its own label, and reports would show its values`, 'declare another label');
  const onUpdate = [...columns.values()].filter((one) => one.onUpdate && one.name !== column.name).map(({ name }) => name);
  return { table, key, column: column.name, value, context, label: label?.name, onUpdate };
}
