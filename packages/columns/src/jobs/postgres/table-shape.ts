/** A table and the columns of it that a job has to do with, looked up and found fit. */
import { LockfastError } from '@lockfast/core/errors';

import type { ColumnTarget } from '../database.ts';
import type { Ask } from './connection.ts';
import { findKey, type KeyColumn } from './row-key.ts';
import { storedValue, type StoredValue } from './stored-value.ts';
import { findColumns } from './table-columns.ts';
import { findTable, type FoundTable } from './table-name.ts';

export interface TableShape {
  readonly table: FoundTable;
  readonly key: readonly KeyColumn[];
  readonly value: StoredValue;
  readonly context: readonly string[];
  readonly label: string | undefined;
  /** Whether triggers run after an update, and so may change again what it has just returned. */
  readonly triggersAfter: boolean;
}

/** @throws LockfastError `config-invalid`, `database-refused` */
export async function findShape(ask: Ask, target: ColumnTarget): Promise<TableShape> {
  const table = await findTable(ask, target.table);
  const [column] = await findColumns(ask, table, [target.column]);
  const value = storedValue(table, column!, target.path ?? [], target.leastCharacters);
  const key = await findKey(ask, table, target.key);
  await findColumns(ask, table, [...target.context, ...(target.label === undefined ? [] : [target.label])]);
  for (const [part, names] of [['key', key.map(({ name }) => name)], ['context', target.context]] as const) {
    if (!names.includes(target.column)) continue;
    throw new LockfastError('config-invalid', `${table.name}.${target.column} is part of its own ${part}`, `declare another ${part}: it must stay as it is when the value is encrypted`);
  }
  if (target.label === target.column) throw new LockfastError('config-invalid', `${table.name}.${target.column} is its own label, and reports would show its values`, 'declare another label');
  return { table, key, value, context: target.context, label: target.label, triggersAfter: await hasTriggersAfter(ask, table) };
}

/** Of the application: foreign keys are triggers, too, and change no value here. */
async function hasTriggersAfter(ask: Ask, { oid }: FoundTable): Promise<boolean> {
  const [row] = await ask(
    // Bits of `tgtype`: 2 before, 16 update, 64 instead.
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND tgtype & 82 = 16
       AND (tgrelid = $1::oid OR tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::oid))))`,
    [oid],
  );
  return row?.[0] === true;
}
