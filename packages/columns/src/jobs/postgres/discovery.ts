/** A search through a database of PostgreSQL, along the pages of its tables: no key and no index is needed for that. */
import { ANSWER_BYTES, type DatabaseSearch, type DeclaredPlace, type LeftOut, MOST_BYTES, type SearchedColumn, type SearchedTable, type SearchPage } from '../search.ts';
import type { Ask, JobConnection } from './connection.ts';
import { reports } from './failure.ts';
import { identifier, literal } from './sql-text.ts';
import { startOfSearch } from './transaction-start.ts';

/** 16 MB of a table, as long as its values are not longer than a page. */
const PAGES = 2048;
/** Fewer for a sample, so that it is spread. */
const SAMPLE_PAGES = 32;
const PAGE_BYTES = 8192;
/** Since it, the server reads a range of pages without reading the table. Before, a part is all of it. */
const RANGES_SINCE = 140_000;

/** Of PostgreSQL and of Lockfast itself. */
const OWN_SCHEMAS = `n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockfast', 'lockfast_ledger')`;

interface FoundColumn {
  readonly handle: string;
  readonly name: string;
  readonly kind: string;
  readonly hidden: boolean;
  readonly permitted: boolean;
  readonly bytes: number;
  readonly column: string;
  readonly form: SearchedColumn['form'] | 'none';
  readonly declarable: boolean;
  /** The tables that it is a part of, itself among them. */
  readonly family: readonly string[];
}

export class PostgresSearch implements DatabaseSearch {
  readonly #connection: JobConnection;

  constructor(connection: JobConnection) {
    this.#connection = connection;
  }

  async tables(declared: readonly DeclaredPlace[]): ReturnType<DatabaseSearch['tables']> {
    return await this.#look(async (ask) => {
      const places = new Map<DeclaredPlace, string | undefined>();
      for (const target of declared) places.set(target, await oidOf(ask, target.table));
      const tables = new Map<string, SearchedTable & { readonly columns: SearchedColumn[] }>();
      const leftOut = new Map<string, LeftOut>();
      for (const found of await findColumns(ask)) {
        const { handle, name, kind, column, form, family } = found;
        const why = kind === 'f' ? 'foreign-table' : found.hidden ? 'row-security' : !found.permitted ? 'not-permitted' : form === 'none' ? 'type' : undefined;
        if (why !== undefined || form === 'none') {
          // Where its rows lie, the server tells only who may read all of a table.
          const place = why === 'type' ? `${name}.${identifierIfNeeded(column)}` : name;
          leftOut.set(place, { name: place, why: why ?? 'type' });
          continue;
        }
        const table = tables.get(handle) ?? { name, copy: kind === 'm', columns: [], bytes: found.bytes, handle };
        tables.set(handle, table);
        const here = declared.filter((target) => target.column === column && family.includes(places.get(target) ?? ''));
        table.columns.push({ name: column, form, declarable: found.declarable, declared: here });
      }
      return { tables: [...tables.values()], leftOut: [...leftOut.values()] };
    });
  }

  async rows({ handle }: SearchedTable): Promise<number> {
    return await this.#look(async (ask) => {
      const [row] = await ask(`SELECT reltuples::float8, pg_relation_size(oid) FROM pg_catalog.pg_class WHERE oid = $1::oid`, [handle]);
      const [rows, bytes] = [Number(row?.[0]), Number(row?.[1])];
      // Without statistics: rows of some hundred bytes.
      return rows < 0 ? bytes / 200 : rows;
    });
  }

  async look(table: SearchedTable, after: string | null, size: number, share: number): Promise<SearchPage> {
    const values = table.columns.map(({ name, form }) => searchedValue(name, form));
    const part = share < 1 ? SAMPLE_PAGES : PAGES;
    return await this.#look(async (ask) => {
      const [state] = await ask(`SELECT current_setting('server_version_num')::int, pg_relation_size($1::oid)::text, $1::oid::regclass::text`, [table.handle]);
      const [version, bytes, sql] = state as readonly [number, string | null, string];
      // It was dropped meanwhile.
      if (bytes === null) return { rows: [], next: undefined, bytes: table.bytes };
      const pages = Math.ceil(Number(bytes) / PAGE_BYTES);
      const from = after ?? '(0,0)';
      const start = Number(/\d+/.exec(from)![0]);
      const endOfPart = start - (start % part) + part;
      const end = version < RANGES_SINCE ? pages : Math.min(pages, endOfPart, start + Math.max(1, Math.floor(part * size)));
      const columns = values.map(({ value, mayHold }, at) => `CASE WHEN ${mayHold} THEN ${value} END AS v${at}`);
      const lengths = values.map((_, at) => `coalesce(octet_length(v${at}), 0)`).join(' + ');
      const rows = await ask(
        `SELECT place, total, ${values.map((_, at) => `v${at}`).join(', ')} FROM (
           SELECT c.place::text, ${values.map((_, at) => `v${at}`).join(', ')}, count(*) OVER ()::int AS total, sum(${lengths}) OVER (ORDER BY c.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, c.place AS position
             FROM (SELECT ctid AS place, ${columns.join(', ')} FROM ONLY ${sql} t WHERE ctid > $1::tid AND ctid < $2::tid AND (${values.map(({ mayHold }) => mayHold).join(' OR ')})) c
         ) q WHERE coalesce(before, 0) < ${ANSWER_BYTES} ORDER BY position`,
        [from, `(${end},0)`],
      );
      const cut = rows.length > 0 && Number(rows[0]![1]) > rows.length;
      const following = end === endOfPart && share < 1 ? end + (Math.round(1 / share) - 1) * part : end;
      const next = cut ? String(rows.at(-1)![0]) : following >= pages ? undefined : `(${following},0)`;
      return { rows: rows.map((row) => row.slice(2) as (string | Buffer | null)[]), next, bytes: Math.min(pages, end) * PAGE_BYTES };
    });
  }

  async #look<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#connection.transaction(startOfSearch(), work);
  }
}

/** Everything that is text, bytes or a document, domains by what they are of; and of the rest what may hold one of these. */
async function findColumns(ask: Ask): Promise<readonly FoundColumn[]> {
  const rows = await ask(
    `WITH RECURSIVE base AS (
       SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS type FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'f', 'm') AND ${OWN_SCHEMAS}
       UNION ALL
       SELECT b.attrelid, b.attnum, b.attname, d.typbasetype FROM base b JOIN pg_catalog.pg_type d ON d.oid = b.type WHERE d.typtype = 'd'
     ), typed AS (
       SELECT b.*, CASE WHEN t.typname = 'bytea' THEN 'binary' WHEN t.typname IN ('json', 'jsonb') THEN 'json' WHEN t.typcategory = 'S' OR t.typname IN ('xml', 'hstore') THEN 'text'
                        WHEN t.typtype = 'c' THEN 'json' WHEN t.typcategory = 'A' AND (e.typcategory = 'S' OR e.typtype IN ('c', 'd') OR e.typname IN ('json', 'jsonb', 'xml', 'hstore')) THEN 'json'
                        WHEN t.typcategory = 'A' AND e.typname = 'bytea' THEN 'none' END AS form,
              t.typname IN ('bytea', 'json', 'jsonb', 'text', 'varchar', 'bpchar', 'citext') AS declarable
         FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.type LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem WHERE t.typtype <> 'd' AND t.typname NOT IN ('name', 'char')
     )
     SELECT c.oid::text, coalesce(pg_partition_root(c.oid), c.oid)::regclass::text, c.relkind, row_security_active(c.oid),
            has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
            CASE WHEN c.relkind = 'f' THEN 0 ELSE pg_relation_size(c.oid) END::float8, typed.attname, typed.form, typed.declarable,
            ARRAY(SELECT relid::oid::text FROM pg_partition_ancestors(c.oid)) || c.oid::text
       FROM typed JOIN pg_catalog.pg_class c ON c.oid = typed.attrelid WHERE typed.form IS NOT NULL ORDER BY 2, c.oid, typed.attnum`,
  );
  return rows.map((row) => {
    const [handle, name, kind, hidden, permitted, bytes, column, form, declarable, family] = row as readonly [string, string, string, boolean, boolean, number, string, FoundColumn['form'], boolean, readonly string[]];
    return { handle, name, kind, hidden, permitted, bytes, column, form, declarable, family };
  });
}

/** Undefined for what is not there: the declared columns are another command's. */
async function oidOf(ask: Ask, written: string): Promise<string | undefined> {
  await ask('SAVEPOINT looking_up');
  try {
    const [row] = await ask('SELECT to_regclass($1)::oid::text', [written.replace(/^\s*only\s+/i, '')]);
    return (row?.[0] as string | null) ?? undefined;
  } catch (error) {
    if (!reports(error, '42602', '42601', '0A000', '22021')) throw error;
    await ask('ROLLBACK TO SAVEPOINT looking_up');
    return undefined;
  }
}

/** @returns the value as the answer has it, and whether it may hold something */
function searchedValue(column: string, form: SearchedColumn['form']): { readonly value: string; readonly mayHold: string } {
  const cell = `t.${identifier(column)}`;
  if (form === 'binary') {
    const holds = (start: string): string => `position(${literal(start)}::bytea IN ${cell}) > 0`;
    return { value: `substring(${cell}, 1, ${MOST_BYTES})`, mayHold: `(${holds('lfv1.')} OR ${holds('gAAAAA')})` };
  }
  // Of a list or a row JSON is made; what is JSON stays as it is.
  const text = form === 'json' ? `to_json(${cell})::text` : `${cell}::text`;
  const holds = (start: string): string => `strpos(${text} COLLATE "C", ${literal(start)}) > 0`;
  return { value: `left(${text}, ${MOST_BYTES})`, mayHold: `(${holds('lfv1.')} OR ${holds('gAAAAA')})` };
}

function identifierIfNeeded(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : identifier(name);
}
