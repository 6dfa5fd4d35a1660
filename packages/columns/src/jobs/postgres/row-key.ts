/** The columns that tell the rows of a table apart, in the order of a unique index: pages are read along it. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import { identifier } from './sql-text.ts';
import { findColumns } from './table-columns.ts';
import type { FoundTable } from './table-name.ts';

export interface KeyColumn {
  readonly name: string;
  readonly typeSql: string;
  /** As the index compares: of the row `t`. */
  readonly sql: string;
}

interface UniqueIndex {
  readonly primary: boolean;
  readonly columns: readonly { readonly name: string; readonly collation: string | null }[];
}

/**
 * The index decides the order: with its collations, in which comparing a key agrees with sorting by it.
 *
 * @param declared undefined: the primary key
 * @throws LockfastError `config-invalid`: no such index, or a column of it may be NULL
 */
export async function findKey(ask: Ask, table: FoundTable, declared: readonly string[] | undefined): Promise<readonly KeyColumn[]> {
  if (declared !== undefined) await findColumns(ask, table, declared);
  const indexes = await uniqueIndexes(ask, table);
  const index = declared === undefined ? indexes.find(({ primary }) => primary) : indexes.find(({ columns }) => sameNames(columns, declared));
  if (index === undefined) throw noKey(table, declared, indexes);
  const columns = await findColumns(
    ask,
    table,
    index.columns.map(({ name }) => name),
  );
  return columns.map(({ name, notNull, typeSql, operatorsFound }, at) => {
    if (!notNull) throw new LockfastError('config-invalid', `the key column ${name} of ${table.name} may be NULL, where a unique index does not tell rows apart`, `set it NOT NULL, or declare another key`);
    if (!operatorsFound) throw new LockfastError('config-invalid', `the type of the key column ${name} of ${table.name} is in a schema that is not searched`, 'add the schema to search_path: ?options=-csearch_path%3DSCHEMA,public in the URL');
    const collation = index.columns[at]?.collation ?? null;
    return { name, typeSql, sql: `t.${identifier(name)}${collation === null ? '' : ` COLLATE ${collation}`}` };
  });
}

/** Those that a page can be read along: of whole columns and all rows, with the types' usual order, all upwards or all downwards. */
async function uniqueIndexes(ask: Ask, table: FoundTable): Promise<readonly UniqueIndex[]> {
  const rows = await ask(
    `SELECT i.indisprimary,
            json_agg(json_build_object('name', a.attname,
              'collation', CASE WHEN i.indcollation[p] <> a.attcollation THEN quote_ident(n.nspname) || '.' || quote_ident(l.collname) END) ORDER BY p)::text
       FROM pg_catalog.pg_index i
       JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
       JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
       CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) p
       JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p]
       JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[p]
       LEFT JOIN pg_catalog.pg_collation l ON l.oid = i.indcollation[p]
       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
      WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      GROUP BY i.indexrelid, i.indisprimary
     HAVING bool_and(o.opcdefault) AND (bool_and(i.indoption[p] = 0) OR bool_and(i.indoption[p] = 3))
      ORDER BY i.indisprimary DESC, i.indexrelid`,
    [table.oid],
  );
  return rows.map(([primary, columns]) => ({ primary: primary === true, columns: JSON.parse(String(columns)) as UniqueIndex['columns'] }));
}

function sameNames(columns: UniqueIndex['columns'], names: readonly string[]): boolean {
  return columns.length === names.length && new Set(names).size === names.length && columns.every(({ name }) => names.includes(name));
}

function noKey(table: FoundTable, declared: readonly string[] | undefined, indexes: readonly UniqueIndex[]): LockfastError {
  const unique = indexes.map(({ columns }) => columns.map(({ name }) => name).join(', ')).filter((names) => names !== '');
  const instead = unique.length === 0 ? 'add a primary key, or a unique index over columns that are NOT NULL' : `declare as its \`key\` what is unique there: ${unique.join('; or ')}`;
  return declared === undefined
    ? new LockfastError('config-invalid', `${table.name} has no primary key`, instead)
    : new LockfastError('config-invalid', `the key (${declared.join(', ')}) of ${table.name} is not what a unique index is over`, instead);
}
