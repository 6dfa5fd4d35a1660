/** One column of one table of SQLite. */
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';

import { LockfastError } from '@lockfast/core/errors';

import { type Checkpoint, type ColumnTable, type ColumnTarget, PAGE_BYTES, type RowChange, type RowKey, type StoredRow } from '../database.ts';
import { beginsWith, documentWith, startOf, type StoredType, valueIn } from './cell.ts';
import { readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoints.ts';
import type { Ask, JobConnection, SqlRow } from './connection.ts';
import { keyText, keyValue } from './key-text.ts';
import type { TableShape } from './table-shape.ts';
import {
  countStatement,
  inContextStatement,
  lastKeyStatement,
  longestStatement,
  otherwiseStatement,
  pageStatement,
  probeStatement,
  rowidsStatement,
  rowStatement,
  sampleStatement,
  sameTextStatement,
  standsStatement,
  startsStatement,
  TRIGGERS_STATEMENT,
  windowEndStatement,
  writeStatement,
} from './table-statements.ts';

/** How many rows are looked at in one go, in which nothing else runs: some ten milliseconds. */
const WINDOW_ROWS = 5_000;
/** Below it, a table is sampled whole. */
const FEW_ROWS = 10_000;
/** Up to so many, rows are counted: some ten milliseconds. */
const MOST_COUNTED = 1_000_000;
/** What text that is no UTF-8 is read as; a text may hold it, too. */
const REPLACEMENT = '\uFFFD';

export class SqliteColumnTable implements ColumnTable {
  readonly storage: ColumnTable['storage'];
  readonly key: readonly string[];
  /** VARCHAR(20) holds what is put in. */
  readonly room = undefined;
  readonly checkpoints = 'kept';
  readonly #target: ColumnTarget;
  readonly #shape: TableShape;
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;
  /** Those that are asked for each row. */
  readonly #ofRow: Readonly<Record<'write' | 'stands' | 'inContext', string>>;

  constructor(target: ColumnTarget, shape: TableShape, reading: JobConnection, writing: JobConnection) {
    this.storage = shape.value.storage;
    this.key = shape.key.map(({ name }) => name);
    this.#target = target;
    this.#shape = shape;
    this.#reading = reading;
    this.#writing = writing;
    this.#ofRow = { write: writeStatement(shape), stands: standsStatement(shape), inContext: inContextStatement(shape) };
  }

  async estimatedRows(): Promise<number> {
    return await this.#reading.use((ask) => {
      const counted = Number(ask.first(countStatement(this.#shape), MOST_COUNTED)?.[0]);
      const span = counted < MOST_COUNTED ? undefined : this.#rowids(ask);
      return span === undefined ? counted : Math.max(counted, Number(span[1] - span[0]));
    });
  }

  async longestValue(): Promise<number> {
    return await this.#reading.use((ask) => Number(ask.first(longestStatement(this.#shape))?.[0]));
  }

  async read(after: RowKey | null, limit: number, notUnder?: string, upTo?: RowKey): Promise<readonly StoredRow[]> {
    for (let from = after; ; ) {
      const start = from;
      const [rows, end] = await this.#reading.use((ask) => this.#page(ask, start, limit, notUnder, upTo));
      if (rows.length > 0 || end === undefined) return rows;
      from = end;
    }
  }

  async lastKey(): Promise<RowKey | undefined> {
    return await this.#reading.use((ask) => {
      const row = ask.first(lastKeyStatement(this.#shape));
      return row === undefined ? undefined : this.#keyOf(row);
    });
  }

  async row(key: RowKey): Promise<StoredRow | undefined> {
    return await this.#reading.use((ask) => {
      const row = ask.first(rowStatement(this.#shape), ...this.#parameters(key));
      return row === undefined ? undefined : this.#stored(ask, row);
    });
  }

  async write(changes: readonly RowChange[], checkpoint: Checkpoint | undefined): Promise<readonly boolean[]> {
    return await this.#writing.transaction((ask) => {
      const made = changes.map((change) => this.#replace(ask, change));
      // A trigger may have changed again, at a later row, what stood; the type of a JSON column makes numbers of some texts.
      const mayAlter = this.storage === 'json' || ask.first(TRIGGERS_STATEMENT) !== undefined;
      if (mayAlter) changes.forEach((change, at) => made[at]! && this.#refuseAltered(ask, change));
      if (checkpoint !== undefined) writeCheckpoint(ask, this.#target.id, this.key, checkpoint);
      return made;
    });
  }

  async census(): Promise<readonly { readonly start: string | null; readonly rows: number }[]> {
    const counts = new Map<string | null, number>();
    for (let after: RowKey | undefined; ; ) {
      const from = after;
      const [end, rows] = await this.#reading.use((ask) => this.#startsAfter(ask, from, counts));
      if (rows < WINDOW_ROWS) return [...counts].map(([start, count]) => ({ start, rows: count }));
      after = end;
    }
  }

  async sample(rows: number): Promise<readonly StoredRow[]> {
    const total = await this.estimatedRows();
    const probed = total <= Math.max(FEW_ROWS, 4 * rows) ? [] : await this.#probe(rows);
    if (probed.length >= rows || sizeOf(probed) >= PAGE_BYTES) return probed;
    return await this.#reading.use((ask) => {
      const found: StoredRow[] = [];
      let bytes = 0;
      for (const row of ask(sampleStatement(this.#shape), rows)) {
        const stored = this.#stored(ask, row);
        if (stored.value === null) continue;
        found.push(stored);
        bytes += stored.value.length;
        if (bytes >= PAGE_BYTES) break;
      }
      return found;
    });
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    return await this.#reading.use((ask) => readCheckpoint(ask, this.#target.id, this.key));
  }

  async forgetCheckpoint(): Promise<void> {
    await this.#writing.transaction((ask) => removeCheckpoint(ask, this.#target.id));
  }

  /** @returns the rows, and the end of those that were looked at where others may follow */
  #page(ask: Ask, after: RowKey | null, limit: number, notUnder: string | undefined, upTo: RowKey | undefined): readonly [readonly StoredRow[], RowKey | undefined] {
    const bounds = [after, upTo].flatMap((key) => (key === null || key === undefined ? [] : this.#parameters(key)));
    if (notUnder !== undefined && this.storage !== 'json') {
      // After the first pass nearly every row is as it should be: SQLite sees that faster than rows are handed over.
      const [skipped, past] = this.#skip(ask, after, bounds, notUnder, upTo);
      if (skipped) return [[], past];
    }
    const window = notUnder === undefined ? limit : WINDOW_ROWS;
    const rows: StoredRow[] = [];
    let looked = 0;
    let bytes = 0;
    let end: RowKey | undefined;
    for (const row of ask(pageStatement(this.#shape, after !== null, upTo !== undefined), ...bounds, window)) {
      const stored = this.#stored(ask, row);
      end = stored.key;
      looked++;
      // Of a blind index, the context has the encrypted value.
      bytes += stored.context.reduce((sum, text) => sum + (text?.length ?? 0), stored.value?.length ?? 0);
      if (notUnder === undefined || (stored.value !== null && !beginsWith(stored.value, notUnder, this.storage))) rows.push(stored);
      if (rows.length === limit || bytes >= PAGE_BYTES) return [rows, end];
    }
    return [rows, looked < window ? undefined : end];
  }

  /** @returns whether no row of the next ones begins otherwise, and where they end: undefined at the end of all */
  #skip(ask: Ask, after: RowKey | null, bounds: readonly SQLInputValue[], start: string, upTo: RowKey | undefined): readonly [boolean, RowKey | undefined] {
    const row = ask.first(windowEndStatement(this.#shape, after !== null, upTo !== undefined), ...bounds, WINDOW_ROWS - 1);
    const end = row === undefined ? undefined : this.#keyOf(row);
    const to = end ?? upTo;
    const within = [after, to].flatMap((key) => (key === null || key === undefined ? [] : this.#parameters(key)));
    const otherwise = ask.first(otherwiseStatement(this.#shape, after !== null, to !== undefined), ...within, start, Buffer.from(start), start.length);
    return [otherwise === undefined, end];
  }

  #startsAfter(ask: Ask, after: RowKey | undefined, counts: Map<string | null, number>): readonly [end: RowKey | undefined, rows: number] {
    let rows = 0;
    let end: SqlRow | undefined;
    for (const row of ask(startsStatement(this.#shape, after !== undefined), ...(after === undefined ? [] : this.#parameters(after)), WINDOW_ROWS)) {
      const start = startOf(valueIn(row[0] as StoredType, row[1]!, this.#shape.value), this.storage);
      counts.set(start, (counts.get(start) ?? 0) + 1);
      rows++;
      end = row;
    }
    return [end === undefined ? undefined : this.#keyOf(end.slice(2)), rows];
  }

  /** From all over the table: fewer where many have no value. Not of tables without rowid, whose keys have no middle. */
  async #probe(rows: number): Promise<readonly StoredRow[]> {
    return await this.#reading.use((ask) => {
      const span = this.#rowids(ask);
      if (span === undefined) return [];
      const [first, last] = span;
      const statement = probeStatement(this.#shape);
      const found = new Map<string, StoredRow>();
      let bytes = 0;
      for (let tries = 0; tries < 3 * rows && found.size < rows; tries++) {
        const from = first + BigInt(Math.floor(Math.random() * Number(last - first + 1n)));
        // Of a span that is no exact number, the end may be missed.
        const row = ask.first(statement, from > last ? last : from);
        const stored = row === undefined ? undefined : this.#stored(ask, row);
        if (stored === undefined || stored.value === null) continue;
        found.set(JSON.stringify(stored.key), stored);
        bytes += stored.value.length;
        if (bytes >= PAGE_BYTES) break;
      }
      return [...found.values()];
    });
  }

  #rowids(ask: Ask): readonly [bigint, bigint] | undefined {
    if (this.#shape.table.withoutRowid) return undefined;
    const [first, last] = ask.first(rowidsStatement(this.#shape))!;
    return typeof first === 'bigint' && typeof last === 'bigint' ? [first, last] : undefined;
  }

  #replace(ask: Ask, { row, value }: RowChange): boolean {
    const [key, before] = [this.#parameters(row.key), this.#cellBefore(ask, row, value)];
    if (before === undefined) return false;
    const written = ask.run(this.#ofRow.write, before.after, ...key, before.stored, ...row.context);
    if (written > 0) return true;
    // Nobody else writes now. A row that is what was read was withheld.
    if (ask.first(this.#ofRow.stands, ...key, before.stored, ...row.context) !== undefined) throw this.#withheld();
    return false;
  }

  /** What is stored and what is to be; undefined where a document has another member by now. */
  #cellBefore(ask: Ask, row: StoredRow, value: RowChange['value']): { readonly stored: SQLInputValue; readonly after: SQLInputValue } | undefined {
    const { path } = this.#shape.value;
    if (path.length === 0) return { stored: row.value, after: value };
    const [, stored] = ask.first(this.#ofRow.inContext, ...this.#parameters(row.key), ...row.context) ?? [];
    if (stored === undefined || Buffer.isBuffer(row.value) || Buffer.isBuffer(value)) return undefined;
    const after = documentWith(stored, path, row.value, value);
    return after === undefined ? undefined : { stored, after };
  }

  #refuseAltered(ask: Ask, { row, value }: RowChange): void {
    const { path } = this.#shape.value;
    const key = this.#parameters(row.key);
    if (path.length > 0) {
      const [type, stored] = ask.first(this.#ofRow.inContext, ...key, ...row.context) ?? [];
      if (stored === undefined || valueIn(type as StoredType, stored, this.#shape.value) !== value) throw this.#altered();
      return;
    }
    const [type] = ask.first(this.#ofRow.stands, ...key, value, ...row.context) ?? [];
    if (type !== (value === null ? 'null' : typeof value === 'string' ? 'text' : 'blob')) throw this.#altered();
  }

  #stored(ask: Ask, row: SqlRow): StoredRow {
    const keys = row.slice(2, 2 + this.key.length);
    const key = this.#keyOf(keys);
    const value = valueIn(row[0] as StoredType, row[1]!, this.#shape.value);
    if (keys.some(mayBeNoUtf8)) this.#refuseKeyNotUtf8(ask, key);
    const noText = typeof value === 'string' && row[0] === 'text' && mayBeNoUtf8(value) && ask.first(sameTextStatement(this.#shape), row[1]!, ...this.#parameters(key)) === undefined;
    return {
      key,
      value: noText ? Buffer.from(value) : value,
      context: row.slice(2 + this.key.length, -1) as (string | null)[],
      label: row.at(-1) as string | null,
    };
  }

  #keyOf(values: SqlRow): RowKey {
    return values.map((value, at) => {
      const { name, affinity } = this.#shape.key[at]!;
      if (value === null) throw new LockfastError('config-invalid', `there is a row of ${this.#shape.table.name} whose key column ${name} is NULL`, 'give it a key, or declare another one');
      return keyText(value, affinity);
    });
  }

  #parameters(key: RowKey): readonly SQLInputValue[] {
    if (key.length !== this.key.length) throw new TypeError(`a key of ${this.key.length} columns is needed`);
    return key.map((text, at) => keyValue(text, this.#shape.key[at]!.affinity));
  }

  /** It would be bound as another key, and its row be left out. */
  #refuseKeyNotUtf8(ask: Ask, key: RowKey): void {
    if (ask.first(rowStatement(this.#shape), ...this.#parameters(key)) !== undefined) return;
    throw new LockfastError('config-invalid', `there is a row of ${this.#shape.table.name} whose key is no UTF-8`, 'declare another key');
  }

  #withheld(): LockfastError {
    const { table, column } = this.#shape;
    return new LockfastError('database-refused', `a trigger of ${table.name} keeps rows as they are and does not say so; nothing of this batch was kept`, triggerHint(column));
  }

  #altered(): LockfastError {
    const { table, column } = this.#shape;
    return new LockfastError('database-refused', `a trigger of ${table.name}, or the type of the column, changes what is written to ${column}; nothing of this batch was kept`, triggerHint(column));
  }
}

function triggerHint(column: string): string {
  return `let the trigger leave encrypted values alone: WHEN NEW.${column} NOT LIKE 'lfv1.%'`;
}

function sizeOf(rows: readonly StoredRow[]): number {
  return rows.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
}

function mayBeNoUtf8(value: SQLOutputValue | undefined): boolean {
  return typeof value === 'string' && value.includes(REPLACEMENT);
}
