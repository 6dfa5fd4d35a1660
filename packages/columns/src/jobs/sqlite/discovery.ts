/** A search through a database of SQLite. A column holds values of any type, so all of them are looked at. */
import type { SQLOutputValue } from 'node:sqlite';

import { ANSWER_BYTES, type DatabaseSearch, type DeclaredPlace, type LeftOut, MOST_BYTES, type SearchedColumn, type SearchedTable, type SearchPage } from '../search.ts';
import type { Ask, JobConnection } from './connection.ts';
import { identifier } from './sql-text.ts';
import { asciiLower } from './table-name.ts';

/** Rows in one go, in which nothing else runs in this process. */
const ROWS = 5_000;
/** About what a row has, for showing how far the search is. */
const ROW_BYTES = 200;
/** The first and the last number that a rowid can be. */
const FIRST = -(2n ** 63n);
const LAST = 2n ** 63n - 1n;
const OWN_TABLE = /^lockfast_/i;

export class SqliteSearch implements DatabaseSearch {
  readonly #connection: JobConnection;

  constructor(connection: JobConnection) {
    this.#connection = connection;
  }

  async tables(declared: readonly DeclaredPlace[]): ReturnType<DatabaseSearch['tables']> {
    return await this.#connection.use((ask) => {
      const tables: SearchedTable[] = [];
      const leftOut: LeftOut[] = [];
      for (const [name, type, withoutRowid] of [...ask("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name")].values()) {
        const table = String(name);
        if (type === 'view' || OWN_TABLE.test(table)) continue;
        if (type === 'virtual') leftOut.push({ name: table, why: 'virtual-table' });
        else tables.push(searchedTable(ask, table, type === 'shadow', withoutRowid === 1n, declared));
      }
      return { tables: tables.filter(({ columns }) => columns.length > 0), leftOut };
    });
  }

  async rows({ handle, bytes }: SearchedTable): Promise<number> {
    const { table, rowid } = JSON.parse(handle) as Handle;
    return rowid === null ? await this.#connection.use((ask) => Number(ask.first(`SELECT count(*) FROM main.${identifier(table)}`)?.[0])) : bytes / ROW_BYTES;
  }

  async look({ handle, columns, bytes }: SearchedTable, after: string | null, size: number, share: number): Promise<SearchPage> {
    const { table, rowid } = JSON.parse(handle) as Handle;
    const cells = columns.map(({ name }) => identifier(name));
    const from = `main.${identifier(table)}`;
    const selected = cells.map((cell) => `CASE WHEN ${mayHold(cell)} THEN substr(${cell}, 1, ${MOST_BYTES}) END`);
    const holding = `(${cells.map(mayHold).join(' OR ')})`;
    return await this.#connection.use((ask) => {
      const rows: (string | Buffer | null)[][] = [];
      if (rowid === null) {
        for (const row of ask(`SELECT ${selected.join(', ')} FROM ${from} WHERE ${holding}`)) rows.push(row.map(valueOf));
        return { rows, next: undefined, bytes };
      }
      const start = after === null ? FIRST : BigInt(after);
      const [last] = ask.first(`SELECT max(r), count(*) FROM (SELECT ${rowid} AS r FROM ${from} WHERE ${rowid} >= ? ORDER BY ${rowid} LIMIT ${Math.max(1, Math.floor(ROWS * size))})`, start) ?? [];
      if (typeof last !== 'bigint') return { rows, next: undefined, bytes };
      let length = 0;
      for (const [at, ...values] of ask(`SELECT ${rowid}, ${selected.join(', ')} FROM ${from} WHERE ${rowid} BETWEEN ? AND ? AND ${holding} ORDER BY ${rowid}`, start, last)) {
        rows.push(values.map(valueOf));
        length += rows.at(-1)!.reduce((sum, value) => sum + (value?.length ?? 0), 0);
        if (length >= ANSWER_BYTES) return { rows, next: nextAfter(at as bigint), bytes: Math.min(bytes, Number(at) * ROW_BYTES) };
      }
      const skipped = share < 1 ? BigInt(Math.round(ROWS / share) - ROWS) : 0n;
      return { rows, next: nextAfter(last + skipped), bytes: Math.max(0, Math.min(bytes, Number(last) * ROW_BYTES)) };
    });
  }
}

function nextAfter(rowid: bigint): string | undefined {
  return rowid >= LAST ? undefined : String(rowid + 1n);
}

interface Handle {
  readonly table: string;
  /** The name under which the rowid can be asked for; null where there is none. */
  readonly rowid: string | null;
}

function searchedTable(ask: Ask, name: string, copy: boolean, withoutRowid: boolean, declared: readonly DeclaredPlace[]): SearchedTable {
  const found = [...ask("SELECT name, upper(type) FROM pragma_table_xinfo(?, 'main') WHERE hidden IN (0, 2, 3) ORDER BY cid", name)];
  const names = found.map(([column]) => asciiLower(String(column)));
  const rowid = withoutRowid ? null : (['rowid', '_rowid_', 'oid'].find((one) => !names.includes(one)) ?? null);
  const span = rowid === null ? undefined : ask.first(`SELECT max(${rowid}) FROM main.${identifier(name)}`)?.[0];
  const targets = declared.filter(({ table }) => asciiLower(table.replace(/^\s*(?:"?main"?\s*\.)?\s*"?|"?\s*$/gi, '').replaceAll('""', '"')) === asciiLower(name));
  return {
    name: /^[A-Za-z_][A-Za-z0-9_$]*$/.test(name) ? name : identifier(name),
    copy,
    columns: found.map(([column, type]): SearchedColumn => {
      const text = String(column);
      // Documents are kept as text, under whatever type. Of a number nothing is made.
      return { name: text, form: 'json', declarable: /CHAR|CLOB|TEXT|BLOB|^JSONB?$|^$/.test(String(type)), declared: targets.filter((target) => target.column === text) };
    }),
    bytes: (typeof span === 'bigint' && span > 0n ? Number(span) : 1) * ROW_BYTES,
    handle: JSON.stringify({ table: name, rowid } satisfies Handle),
  };
}

/** To the byte, in text and in bytes: in the encoding that the database has its texts in. */
function mayHold(cell: string): string {
  const holds = (start: string): string => `instr(CAST(${cell} AS BLOB), CAST('${start}' AS BLOB)) > 0 OR (typeof(${cell}) = 'blob' AND instr(${cell}, x'${Buffer.from(start).toString('hex')}') > 0)`;
  return `(${holds('lfv1.')} OR ${holds('gAAAAA')})`;
}

function valueOf(value: SQLOutputValue): string | Buffer | null {
  if (value === null) return null;
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.length) : String(value);
}
