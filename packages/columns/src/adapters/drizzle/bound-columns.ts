/** Which columns of a Drizzle table are bound to others, found in the table itself. */
import { LockfastError } from '@lockfast/core/errors';

import type { Column } from '../../index.ts';
import { boundColumnOf, contextNames } from './column-type.ts';

/** What is asked of a table of drizzle-orm: its columns are its members. */
export interface DrizzleTable {
  readonly $inferInsert: object;
  readonly $inferSelect: object;
}

/** Of a column of drizzle-orm. `mapTo` is its private name for a custom type's `toDriver`: `drizzle.test.ts` notices when it goes. */
interface DrizzleColumn {
  readonly name: string;
  /** Whether the name is the member's, and the dialect makes the column's from it. */
  readonly keyAsName?: boolean;
  readonly default?: unknown;
  readonly mapTo?: unknown;
}

export interface BoundColumn {
  /** The table's member. */
  readonly property: string;
  readonly column: Column<unknown>;
}

/** @throws LockfastError `usage` for a table without any, and for one whose database fills in plaintext */
export function boundColumns(table: DrizzleTable): readonly BoundColumn[] {
  const found = columnsOf(table).flatMap(([property, drizzled]) => {
    const column = boundColumnOf(drizzled.mapTo);
    if (column === undefined) return [];
    if (drizzled.default !== undefined) {
      throw new LockfastError('usage', `${column.id}: the column has a default, which the database fills in as plaintext`, 'leave .default() out, and give the value with each row');
    }
    return [{ property, column }];
  });
  if (found.length > 0) return found;
  throw new LockfastError('usage', 'the table has no encrypted column that is bound to others', 'make its type with boundColumnType; other columns need no encryptRow');
}

/** The table's member for each context column, in the order of the definition. @throws LockfastError `usage` */
export function contextProperties(table: DrizzleTable, column: Column<unknown>): readonly string[] {
  const columns = columnsOf(table);
  return contextNames(column).map((name) => {
    const found = columns.find(([property, drizzled]) => drizzled.name === name || (drizzled.keyAsName === true && (property === name || snakeCase(property) === name)));
    if (found !== undefined) return found[0];
    throw new LockfastError('usage', `${column.id}: the table has no column ${name}, which its values are bound to`, 'name the context columns as the database does');
  });
}

function columnsOf(table: object): readonly (readonly [string, DrizzleColumn])[] {
  return Object.entries(table).filter((entry): entry is [string, DrizzleColumn] => {
    const member: unknown = entry[1];
    return typeof member === 'object' && member !== null && 'name' in member && typeof member.name === 'string' && 'mapToDriverValue' in member;
  });
}

/** As `casing: 'snake_case'` of drizzle-orm. */
function snakeCase(name: string): string {
  return (name.match(/[\da-z]+|[A-Z]+(?![a-z])|[A-Z][\da-z]+/g) ?? []).map((word) => word.toLowerCase()).join('_');
}
