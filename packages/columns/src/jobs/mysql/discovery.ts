/** A search through a database of MySQL or MariaDB, along the primary keys of its tables. What they call a database is what the URL names. */
import { LockfastError } from '@lockfast/core/errors';

import { ANSWER_BYTES, type DatabaseSearch, type DeclaredPlace, type LeftOut, MOST_BYTES, type SearchedColumn, type SearchedTable, type SearchPage } from '../search.ts';
import type { Ask, JobConnection, SqlRow } from './connection.ts';
import { beyond, findKey, type FoundKey } from './row-key.ts';
import { startOfLook } from './session-settings.ts';
import { identifier, literal } from './sql-text.ts';
import { BYTES, readColumns, TEXTS } from './table-columns.ts';
import { findTable, type FoundTable } from './table-name.ts';

/** Rows in one go. */
const ROWS = 5_000;
/** For showing how far the search is. */
const AVERAGE_BYTES = 200;
const OWN_TABLE = /^lockfast_/i;
const ELSEWHERE = /^(?:federated|connect|spider)$/i;

export class MysqlSearch implements DatabaseSearch {
  readonly #connection: JobConnection;
  readonly #isMariadb: () => boolean;
  readonly #keys = new Map<string, FoundKey | undefined>();

  constructor(connection: JobConnection, isMariadb: () => boolean) {
    this.#connection = connection;
    this.#isMariadb = isMariadb;
  }

  async tables(declared: readonly DeclaredPlace[]): ReturnType<DatabaseSearch['tables']> {
    return await this.#look(async (ask) => {
      const targets = new Map<DeclaredPlace, string | undefined>();
      for (const target of declared) targets.set(target, await nameOf(ask, target));
      const tables: SearchedTable[] = [];
      const leftOut: LeftOut[] = [];
      const { rows } = await ask(
        `SELECT t.table_schema, t.table_name, t.engine, COALESCE(t.data_length, 0), MIN(c.privileges LIKE '%select%')
           FROM information_schema.tables t JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
          WHERE t.table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') GROUP BY 1, 2, 3, 4 ORDER BY 2`,
      );
      for (const row of rows) {
        const [schema, table, engine, bytes, permitted] = row.map(String) as [string, string, string, string, string];
        const found: FoundTable = { schema, table, name: `${schema}.${table}`, sql: `${identifier(schema)}.${identifier(table)}` };
        if (OWN_TABLE.test(table)) continue;
        const name = /^[A-Za-z_][A-Za-z0-9_$]*$/.test(table) ? table : identifier(table);
        if (ELSEWHERE.test(engine)) leftOut.push({ name, why: 'foreign-table' });
        else if (permitted !== '1') leftOut.push({ name, why: 'not-permitted' });
        else {
          const columns = await this.#columnsOf(ask, found, declared.filter((target) => targets.get(target) === found.sql));
          if (columns.length > 0) tables.push({ name, copy: false, columns, bytes: Number(bytes), handle: JSON.stringify(found) });
        }
      }
      return { tables, leftOut };
    });
  }

  async rows({ handle }: SearchedTable): Promise<number> {
    const { schema, table } = JSON.parse(handle) as FoundTable;
    return await this.#look(async (ask) => Number((await ask(`SELECT table_rows FROM information_schema.tables WHERE table_schema = ${literal(schema)} AND table_name = ${literal(table)}`)).rows[0]?.[0]));
  }

  async look(searched: SearchedTable, after: string | null, size: number, share: number): Promise<SearchPage> {
    const table = JSON.parse(searched.handle) as FoundTable;
    return await this.#look(async (ask) => {
      const key = await this.#keyOf(ask, table);
      const values = searched.columns.map(({ name, form }) => searchedValue(name, form));
      const selected = values.map(({ value, mayHold }) => `CASE WHEN ${mayHold} THEN ${value} END`);
      const holding = `(${values.map(({ mayHold }) => mayHold).join(' OR ')})`;
      if (key === undefined) {
        const { rows } = await ask(`SELECT ${selected.join(', ')} FROM ${table.sql} t WHERE ${holding}`);
        return { rows: rows.map((row) => valuesOf(row, searched.columns)), next: undefined, bytes: searched.bytes };
      }
      const from = `${table.sql} t FORCE INDEX (${key.index})`;
      const order = key.columns.map(({ sql }) => sql).join(', ');
      const texts = key.columns.map(({ text }) => text);
      const [position, seen] = after === null ? [undefined, 0] : (JSON.parse(after) as [string[], number]);
      const behind = position === undefined ? [] : [beyond(key.columns, position, '>')];
      const window = Math.max(1, Math.floor(ROWS * size));
      const end = await this.#keyAt(ask, from, texts, order, behind, window);
      const bounds = [...behind, ...(end === undefined ? [] : [beyond(key.columns, end, '<=')]), holding];
      const names = values.map((_, at) => `v${at}`);
      const length = names.map((name) => `COALESCE(OCTET_LENGTH(${name}), 0)`).join(' + ');
      const { rows } = await ask(
        `SELECT ${texts.map((_, at) => `k${at}`).join(', ')}, total, ${names.join(', ')} FROM (
           SELECT p.*, COUNT(*) OVER () AS total, SUM(${length}) OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS preceding FROM (
             SELECT ROW_NUMBER() OVER (ORDER BY ${order}) AS n, ${texts.map((text, at) => `${text} AS k${at}`).join(', ')}, ${selected.map((one, at) => `${one} AS v${at}`).join(', ')} FROM ${from} WHERE ${bounds.join(' AND ')}) p
         ) q WHERE COALESCE(preceding, 0) < ${ANSWER_BYTES} ORDER BY n`,
      );
      const keys = texts.length;
      const found = rows.map((row) => valuesOf(row.slice(keys + 1), searched.columns));
      const cut = rows.length > 0 && Number(rows[0]![keys]) > rows.length;
      const looked = seen + window;
      const bytes = Math.min(searched.bytes, looked * AVERAGE_BYTES);
      if (cut) return { rows: found, next: JSON.stringify([rows.at(-1)!.slice(0, keys).map(String), looked]), bytes };
      const skipped = share < 1 ? Math.round(window / share) - window : 0;
      const next = end === undefined || skipped === 0 ? end : await this.#keyAt(ask, from, texts, order, [beyond(key.columns, end, '>')], skipped);
      return { rows: found, next: next === undefined ? undefined : JSON.stringify([next, looked + skipped]), bytes };
    });
  }

  /** The key of the row that is so far on; undefined where there are fewer. */
  async #keyAt(ask: Ask, from: string, texts: readonly string[], order: string, conditions: readonly string[], number: number): Promise<string[] | undefined> {
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
    const { rows } = await ask(`SELECT ${texts.join(', ')} FROM ${from}${where} ORDER BY ${order} LIMIT 1 OFFSET ${number - 1}`);
    return rows[0]?.map(String);
  }

  async #columnsOf(ask: Ask, table: FoundTable, declared: readonly DeclaredPlace[]): Promise<SearchedColumn[]> {
    return [...(await readColumns(ask, table, this.#isMariadb())).values()].flatMap(({ name, type, checkedJson, generated }): SearchedColumn[] => {
      const form = type === 'json' || checkedJson ? 'json' : TEXTS.test(type) ? 'text' : BYTES.test(type) ? 'binary' : undefined;
      return form === undefined ? [] : [{ name, form, declarable: !generated, declared: declared.filter(({ column }) => column.toLowerCase() === name.toLowerCase()) }];
    });
  }

  /** Undefined where rows have no order to go on along: then a table is looked at as a whole. */
  async #keyOf(ask: Ask, table: FoundTable): Promise<FoundKey | undefined> {
    if (!this.#keys.has(table.sql)) {
      this.#keys.set(
        table.sql,
        await unlessRefused(async () => await findKey(ask, table, await readColumns(ask, table, this.#isMariadb()), undefined)),
      );
    }
    return this.#keys.get(table.sql);
  }

  async #look<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#connection.transaction(startOfLook({}), work);
  }
}

async function nameOf(ask: Ask, { table }: DeclaredPlace): Promise<string | undefined> {
  return (await unlessRefused(async () => await findTable(ask, table)))?.sql;
}

/** What is declared wrongly, or no job could work on, is another command's to say. */
async function unlessRefused<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof LockfastError && error.code === 'config-invalid') return undefined;
    throw error;
  }
}

/** @returns the value as the answer has it, and whether it may hold something, to the byte */
function searchedValue(column: string, form: SearchedColumn['form']): { readonly value: string; readonly mayHold: string } {
  const cell = `t.${identifier(column)}`;
  const text = form === 'binary' ? cell : `CONVERT(${cell} USING utf8mb4)`;
  const holds = (start: string): string => `INSTR(CAST(${text} AS BINARY), '${start}') > 0`;
  return { value: `LEFT(${text}, ${MOST_BYTES})`, mayHold: `(${holds('lfv1.')} OR ${holds('gAAAAA')})` };
}

function valuesOf(row: SqlRow, columns: readonly SearchedColumn[]): (string | Buffer | null)[] {
  return row.map((value, at) => (value === null || columns[at]!.form === 'binary' ? value : value.toString('utf8')));
}
