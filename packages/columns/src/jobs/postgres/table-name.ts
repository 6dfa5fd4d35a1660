/** The table that a declaration names, and whether a job can work on it. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { reports } from './failure.ts';
import { identifier } from './sql-text.ts';

/** By `pg_class.relkind`. */
const REFUSED_KINDS: ReadonlyMap<string, string> = new Map([
  ['v', 'a view'],
  ['m', 'a materialized view'],
  ['f', 'a foreign table'],
  ['S', 'a sequence'],
  ['c', 'a composite type'],
  ['i', 'an index'],
  ['I', 'an index'],
  ['t', 'a TOAST table'],
]);

export interface FoundTable {
  /** In the catalogs, as a number in text. */
  readonly oid: string;
  /** With its schema, as messages and locks name it. */
  readonly name: string;
  /** As statements name it; with ONLY where other tables inherit from it. */
  readonly sql: string;
  readonly partitioned: boolean;
}

/** @param written as SQL spells it. `ONLY t` leaves out the tables that inherit from it @throws LockfastError `config-invalid`, `database-refused` */
export async function findTable(ask: Ask, written: string): Promise<FoundTable> {
  const [, only, name = ''] = /^\s*(only\s+)?(.*?)\s*$/is.exec(written) ?? [];
  const [row] = await lookUp(ask, name);
  if (row === undefined) throw new LockfastError('config-invalid', `there is no table ${name}`, await whereItMayBe(ask, name));
  const [oid, schema, table, kind, hidden, parent, foreign] = row as readonly [string, string, string, string, boolean, boolean, boolean];
  const shown = `${schema}.${table}`;
  const refused = REFUSED_KINDS.get(kind);
  if (refused !== undefined) throw new LockfastError('config-invalid', `${shown} is ${refused}, not a table`, 'name the table that holds the values');
  if (foreign) throw new LockfastError('config-invalid', `partitions of ${shown} are foreign tables`, 'run the job in the database that holds them');
  if (hidden) {
    throw new LockfastError('database-refused', `row security of ${shown} may hide rows from this role`, "use the table's owner without FORCE ROW LEVEL SECURITY, or a role with BYPASSRLS");
  }
  if (kind === 'r' && parent && only === undefined) {
    throw new LockfastError('config-invalid', `other tables inherit from ${shown}, and its key does not hold for their rows`, `declare each of them, and this one as \`ONLY ${name}\``);
  }
  return { oid, name: shown, sql: `${kind === 'r' && parent ? 'ONLY ' : ''}${identifier(schema)}.${identifier(table)}`, partitioned: kind === 'p' };
}

async function lookUp(ask: Ask, name: string): Promise<readonly (readonly unknown[])[]> {
  try {
    return await ask(
      `SELECT c.oid::text, n.nspname, c.relname, c.relkind, row_security_active(c.oid),
              EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid),
              EXISTS (SELECT FROM pg_catalog.pg_partition_tree(c.oid) p JOIN pg_catalog.pg_class l ON l.oid = p.relid WHERE l.relkind = 'f')
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)`,
      [name],
    );
  } catch (error) {
    // Not a name; one of another database; one with a NUL.
    if (!reports(error, '42602', '42601', '0A000', '22021')) throw error;
    throw new LockfastError('config-invalid', 'the table of a column is not written as SQL spells it', 'write it as TABLE or SCHEMA.TABLE, with double quotes around names that are not lower-case');
  }
}

/** The usual mistakes: a schema that is not searched, and capitals without quotes. */
async function whereItMayBe(ask: Ask, name: string): Promise<string> {
  const last = name.split('.').at(-1)!.replaceAll('"', '');
  const found = await ask(
    `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND lower(c.relname) = lower($1) AND n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 3`,
    [last],
  );
  return found.length === 0 ? 'check its name and the database in the URL' : `write it as ${found.map(([spelt]) => `\`${String(spelt)}\``).join(' or ')}`;
}
