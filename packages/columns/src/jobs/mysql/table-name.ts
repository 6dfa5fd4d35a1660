/** The table that a declaration names, and whether a job can work on it. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { identifier, literal } from './sql-text.ts';

const NAME = /^\s*(?:(`(?:[^`]|``)+`|"(?:[^"]|"")+"|[^`".\s]+)\s*\.\s*)?(`(?:[^`]|``)+`|"(?:[^"]|"")+"|[^`".\s]+)\s*$/;

/** By information_schema's TABLE_TYPE. */
const REFUSED_TYPES: ReadonlyMap<string, string> = new Map([
  ['VIEW', 'a view'],
  ['SYSTEM VIEW', 'a view'],
  ['SEQUENCE', 'a sequence'],
]);

export interface FoundTable {
  readonly schema: string;
  readonly table: string;
  /** With its schema, as messages and locks name it. */
  readonly name: string;
  /** As statements name it. */
  readonly sql: string;
}

/** @param written as SQL spells it, with or without a schema @throws LockfastError `config-invalid` */
export async function findTable(ask: Ask, written: string): Promise<FoundTable> {
  const [, inSchema, spelt] = NAME.exec(written) ?? [];
  if (spelt === undefined) throw new LockfastError('config-invalid', 'the declaration of a column names a table that is no name', 'write it as TABLE or DATABASE.TABLE, quoted where it has to be');
  const [schema, table] = [inSchema === undefined ? 'DATABASE()' : literal(unquoted(inSchema)), unquoted(spelt)];
  const { rows } = await ask(
    `SELECT table_schema, table_name, table_type, engine FROM information_schema.tables WHERE table_schema = ${schema} AND table_name = ${literal(table)}`,
  );
  // Where names have capitals, there may be two that differ in them alone.
  const found = rows.map((row) => row.map((field) => field?.toString() ?? null)).toSorted((a) => (a[1] === table ? -1 : 1))[0];
  if (found === undefined) throw new LockfastError('config-invalid', `there is no table ${written.trim()}, or this user may not see it`, 'check its name and the database in the URL');
  const [foundSchema, foundTable, type, engine] = found as [string, string, string, string | null];
  const name = `${foundSchema}.${foundTable}`;
  const refused = REFUSED_TYPES.get(type);
  if (refused !== undefined) throw new LockfastError('config-invalid', `${name} is ${refused}, not a table`, 'name the table that holds the values');
  if (type === 'SYSTEM VERSIONED') {
    throw new LockfastError('config-invalid', `${name} is system-versioned: it would keep each old value beside the new one`, `ALTER TABLE ${name} DROP SYSTEM VERSIONING first`);
  }
  if (engine?.toLowerCase() !== 'innodb') {
    throw new LockfastError('config-invalid', `${name} is kept by ${engine ?? 'no engine'}, which has no transactions that a job could rely on`, `ALTER TABLE ${name} ENGINE = InnoDB first`);
  }
  return { schema: foundSchema, table: foundTable, name, sql: `${identifier(foundSchema)}.${identifier(foundTable)}` };
}

function unquoted(name: string): string {
  const quote = name[0]!;
  return quote === '`' || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name;
}
