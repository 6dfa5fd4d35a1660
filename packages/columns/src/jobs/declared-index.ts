import { LockfastError } from '@lockfast/core/errors';

import type { BlindIndexDefinition } from '../blind-index-definition.ts';
import { indexValueLength, MOST_INDEX_BITS } from '../index-value.ts';
import type { ColumnDatabase, ColumnTable, ColumnTarget } from './database.ts';
import type { DeclaredColumn } from './declared-column.ts';

/** A blind index as the configuration declares it: how its values are made, and which column of the table holds them. */
export interface DeclaredIndex {
  readonly definition: BlindIndexDefinition;
  /** The column that it finds values of. */
  readonly source: DeclaredColumn;
  /** The name of the column of the same table that its values stand in, not quoted. */
  readonly column: string;
}

/**
 * For a job over the index, its column is the value, and the encrypted value with its context and the index's is the
 * context: so an index is written only while all that it is made from still is what was read.
 */
export function indexTarget({ definition, source, column }: DeclaredIndex): ColumnTarget {
  const { table, key, label, set } = source;
  return {
    id: definition.id,
    table,
    column,
    context: [...new Set([source.column, ...source.context, ...(definition.context ?? [])])],
    leastCharacters: indexValueLength(definition.bits ?? MOST_INDEX_BITS),
    ...(key === undefined ? {} : { key }),
    ...(label === undefined || label === source.column ? {} : { label }),
    ...(set === undefined ? {} : { set }),
  };
}

/** @throws LockfastError `config-invalid` where the columns are not ones that an index can be over, and as `ColumnDatabase.table` */
export async function indexTable(database: ColumnDatabase, index: DeclaredIndex): Promise<ColumnTable> {
  const { definition, source, column } = index;
  const refuse = (what: string, hint: string): LockfastError => new LockfastError('config-invalid', `${definition.id}: ${what}`, hint);
  if (source.path !== undefined && source.path.length > 0) throw refuse(`${source.id} lies inside a JSON column, and a blind index is over a column of its own`, 'move the value to a column of type text first');
  if (source.as !== 'text') throw refuse(`${source.id} holds ${source.as}, and a blind index is over texts`, 'index a column of texts');
  const { storage: stored } = await database.table(source);
  if (stored !== 'text') throw refuse(`${source.table}.${source.column} is ${stored === 'json' ? 'JSON' : 'binary'}, and a blind index is over columns of type text`, 'make the column of type text first');
  const table = await database.table(indexTarget(index));
  if (table.storage !== 'text') throw refuse(`${source.table}.${column} is ${table.storage === 'json' ? 'JSON' : 'binary'}, and values of a blind index are text`, 'make it a column of type text');
  return table;
}
