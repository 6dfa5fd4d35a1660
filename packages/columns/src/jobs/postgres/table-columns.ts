/** Columns of a table, as the catalogs describe them. */
import { LockfastError } from '@lockfast/core/errors';

import type { Ask } from './connection.ts';
import type { FoundTable } from './table-name.ts';

export interface FoundColumn {
  readonly name: string;
  readonly notNull: boolean;
  readonly generated: boolean;
  readonly partitioning: boolean;
  /** Of the type behind all domains: its name alone, and as statements name it. */
  readonly type: string;
  readonly typeSql: string;
  /** Of PostgreSQL itself, not of an extension or the application. */
  readonly builtIn: boolean;
  /** Whether the operators of the type are found: those of an extension outside of `search_path` are not. */
  readonly operatorsFound: boolean;
  /** Of `varchar(n)` and `char(n)`. */
  readonly characters: number | undefined;
}

/** In the order of the names. @throws LockfastError `config-invalid`: no such column */
export async function findColumns(ask: Ask, table: FoundTable, names: readonly string[]): Promise<readonly FoundColumn[]> {
  const rows = await ask(
    `WITH RECURSIVE base AS (
       SELECT a.attname AS name, a.attnotnull AS not_null, a.attgenerated <> '' AS generated, a.atttypid AS type, a.atttypmod AS modifier
         FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attname = ANY ($2::text[]) AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT b.name, b.not_null, b.generated, d.typbasetype, coalesce(nullif(b.modifier, -1), d.typtypmod)
         FROM base b JOIN pg_catalog.pg_type d ON d.oid = b.type WHERE d.typtype = 'd'
     )
     SELECT b.name, b.not_null, b.generated,
            EXISTS (SELECT FROM pg_catalog.pg_partition_tree($1::oid) part JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = part.relid
                      JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs) WHERE a.attname = b.name),
            t.typname, quote_ident(n.nspname) || '.' || quote_ident(t.typname), n.nspname = 'pg_catalog', t.typtype <> 'b' OR pg_type_is_visible(t.oid),
            CASE WHEN t.oid IN ('pg_catalog.varchar'::regtype, 'pg_catalog.bpchar'::regtype) AND b.modifier > 4 THEN b.modifier - 4 END
       FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype <> 'd'`,
    [table.oid, names],
  );
  const found = new Map(
    rows.map((row) => {
      const [name, notNull, generated, partitioning, type, typeSql, builtIn, operatorsFound, characters] = row as readonly [string, boolean, boolean, boolean, string, string, boolean, boolean, number | null];
      return [name, { name, notNull, generated, partitioning, type, typeSql, builtIn, operatorsFound, characters: characters ?? undefined }];
    }),
  );
  return names.map((name) => {
    const column = found.get(name);
    if (column === undefined) throw new LockfastError('config-invalid', `${table.name} has no column ${name}`, 'check its name: a declaration names columns without quotes, with their capitals');
    return column;
  });
}
