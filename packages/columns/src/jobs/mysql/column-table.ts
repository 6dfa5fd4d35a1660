/** One column of one table of MySQL or MariaDB. */
import { isUtf8 } from 'node:buffer';
import { crc32 } from 'node:zlib';

import { LockfastError } from '@lockfast/core/errors';

import { type Checkpoint, type ColumnTable, type ColumnTarget, PAGE_BYTES, type RowChange, type RowKey, type StoredRow } from '../database.ts';
import { makeCheckpoints, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoints.ts';
import type { Ask, JobConnection, SqlRow } from './connection.ts';
import { reports } from './failure.ts';
import { namingHolders } from './lock-holders.ts';
import { type Settings, startOfLook, startOfWrite } from './session-settings.ts';
import { identifier, literal } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';
import {
  type Bounds,
  censusStatement,
  countStatement,
  lastKeyStatement,
  lockStatement,
  longestStatement,
  pageStatement,
  rowsStatement,
  sampleStatement,
  sumStatement,
  updateStatement,
  valueStatement,
  windowEndStatement,
} from './table-statements.ts';

/** Values up to this size come with their page, however many rows it has. */
const SHORT_BYTES = 1024;
/** Below it, a table is counted and sampled whole. */
const FEW_ROWS = 10_000;
/** Keys that one statement names: MariaDB makes a join of 1000, which does not follow the index. */
const KEYS_AT_ONCE = 500;
/** Values that one UPDATE writes: the server looks for each among all of its cases. */
const CHANGES_AT_ONCE = 200;
/** What a statement may be shorter than the longest packet. */
const PACKET_RESERVE = 64 * 2 ** 10;

export class MysqlColumnTable implements ColumnTable {
  readonly storage: ColumnTable['storage'];
  readonly key: readonly string[];
  readonly room: number | undefined;
  readonly #target: ColumnTarget;
  readonly #shape: TableShape;
  readonly #settings: Settings;
  readonly #longestStatement: number;
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;
  #checkpoints: ColumnTable['checkpoints'];
  #checkpointsMade = false;
  /** How many rows the last page had: where documents are long, the server would open all those behind it in vain. */
  #lastPage = Number.POSITIVE_INFINITY;

  /** @param longestStatement the server's `max_allowed_packet` */
  constructor(target: ColumnTarget, shape: TableShape, checkpoints: ColumnTable['checkpoints'], longest: number, reading: JobConnection, writing: JobConnection) {
    this.storage = shape.value.storage;
    this.room = shape.value.room;
    this.key = shape.key.columns.map(({ name }) => name);
    this.#checkpoints = checkpoints;
    this.#target = target;
    this.#shape = shape;
    this.#settings = target.set ?? {};
    this.#longestStatement = longest - PACKET_RESERVE;
    this.#reading = reading;
    this.#writing = writing;
  }

  get checkpoints(): ColumnTable['checkpoints'] {
    return this.#checkpoints;
  }

  async estimatedRows(): Promise<number> {
    const { schema, table } = this.#shape.table;
    return await this.#look(async (ask) => {
      const estimated = Number((await ask(`SELECT table_rows FROM information_schema.tables WHERE table_schema = ${literal(schema)} AND table_name = ${literal(table)}`)).rows[0]?.[0] ?? 0);
      if (estimated >= FEW_ROWS) return estimated;
      return Math.max(estimated, Number((await ask(countStatement(this.#shape, 10 * FEW_ROWS))).rows[0]?.[0]));
    });
  }

  async longestValue(): Promise<number> {
    return await this.#look(async (ask) => Number((await ask(longestStatement(this.#shape))).rows[0]?.[0]));
  }

  async read(after: RowKey | null, limit: number, notUnder?: string, upTo?: RowKey): Promise<readonly StoredRow[]> {
    for (let from = after; ; ) {
      const [rows, end] = await this.#page({ after: from ?? undefined, upTo }, limit, notUnder);
      if (rows.length > 0 || end === undefined) return rows;
      from = end;
    }
  }

  async lastKey(): Promise<RowKey | undefined> {
    const [row] = await this.#look(async (ask) => (await ask(lastKeyStatement(this.#shape))).rows);
    return row?.map(String);
  }

  async row(key: RowKey): Promise<StoredRow | undefined> {
    return (await this.#look(async (ask) => await this.#rowsOf(ask, [key])))[0];
  }

  async write(changes: readonly RowChange[], checkpoint: Checkpoint | undefined): Promise<readonly boolean[]> {
    this.#refuseUnfit(changes);
    if (checkpoint !== undefined && this.#checkpoints === 'kept' && !this.#checkpointsMade) {
      this.#checkpointsMade = await this.#writing.use(makeCheckpoints);
      if (!this.#checkpointsMade) this.#checkpoints = 'not-permitted';
    }
    const kept = this.#checkpoints === 'kept' ? checkpoint : undefined;
    return await this.#waitingForOthers(this.#writing, async () =>
      await this.#writing.transaction(startOfWrite(this.#settings), async (ask) => {
        const made = await this.#replace(ask, changes);
        if (kept !== undefined) await writeCheckpoint(ask, this.#target.id, this.key, kept);
        return made;
      }),
    );
  }

  async census(): Promise<readonly { readonly start: string | null; readonly rows: number }[]> {
    const rows = await this.#look(async (ask) => (await ask(censusStatement(this.#shape))).rows);
    return rows.map(([start, count]) => ({ start: start === null ? null : String(start), rows: Number(count) }));
  }

  async sample(rows: number): Promise<readonly StoredRow[]> {
    const total = await this.estimatedRows();
    // Four times what is wanted: an estimate is one, and rows without a value do not count.
    const parts = total <= Math.max(FEW_ROWS, 4 * rows) ? [] : [(4 * rows) / total];
    for (const part of [...parts, 1]) {
      const found = await this.#look(async (ask) => {
        const keys = (await ask(sampleStatement(this.#shape, part, rows))).rows.map((row) => row.map(String));
        return keys.length < rows && part < 1 ? undefined : await this.#rowsOf(ask, keys);
      });
      if (found !== undefined) return found;
    }
    return [];
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    if (this.#checkpoints !== 'kept') return undefined;
    return await this.#writing.use(async (ask) => await readCheckpoint(ask, this.#target.id, this.key));
  }

  async forgetCheckpoint(): Promise<void> {
    if (this.#checkpoints !== 'kept') return;
    await this.#writing.use(async (ask) => await removeCheckpoint(ask, this.#target.id));
  }

  /** @returns the end of the rows that were looked at, where others follow */
  async #page(bounds: Bounds, limit: number, notUnder: string | undefined): Promise<readonly [readonly StoredRow[], RowKey | undefined]> {
    const most = Math.min(limit, 2 * this.#lastPage);
    return await this.#look(async (ask) => {
      const end = notUnder === undefined ? undefined : (await ask(windowEndStatement(this.#shape, bounds))).rows[0]?.map(String);
      const longest = Math.max(SHORT_BYTES, Math.floor(PAGE_BYTES / most));
      const { rows } = await ask(pageStatement(this.#shape, { ...bounds, upTo: end ?? bounds.upTo }, most, longest, notUnder));
      const stored = await this.#bounded(ask, rows);
      this.#lastPage = Math.max(1, stored.length);
      return [stored, end];
    });
  }

  /** As many of them as a page may hold, those with a value that is not short too. */
  async #bounded(ask: Ask, rows: readonly SqlRow[]): Promise<StoredRow[]> {
    const stored: StoredRow[] = [];
    let sum = 0;
    for (const row of rows) {
      const size = Number(row[this.key.length] ?? 0) + contextLength(row.slice(this.key.length + 2, -1));
      if (stored.length > 0 && sum + size > PAGE_BYTES) break;
      sum += size;
      stored.push(await this.#stored(ask, row));
    }
    return stored;
  }

  async #rowsOf(ask: Ask, keys: readonly RowKey[]): Promise<StoredRow[]> {
    const all: StoredRow[] = [];
    for (const some of partsOf(keys, KEYS_AT_ONCE)) {
      const { rows } = await ask(rowsStatement(this.#shape, some, SHORT_BYTES));
      all.push(...(await this.#bounded(ask, rows)));
    }
    return all;
  }

  /** @param row columns as of a page */
  async #stored(ask: Ask, row: SqlRow): Promise<StoredRow> {
    const keys = this.key.length;
    const key = row.slice(0, keys).map(String);
    let value = row[keys + 1] ?? null;
    if (value === null && row[keys] !== null) value = (await ask(valueStatement(this.#shape, key))).rows[0]?.[0] ?? null;
    return { key, value: this.#valueOf(value), context: row.slice(keys + 2, -1).map(textOf), label: textOf(row.at(-1)!) };
  }

  #valueOf(value: Buffer | null): string | Buffer | null {
    if (value === null || this.storage === 'binary') return value;
    if (!isUtf8(value)) throw this.#refusal('holds bytes that are no text in its character set', 'find them with CONVERT(... USING utf8mb4), and repair them');
    return value.toString('utf8');
  }

  /** The old values are not sent: the rows are locked, and compared here, to the byte, whatever the column's collation. */
  async #replace(ask: Ask, changes: readonly RowChange[]): Promise<readonly boolean[]> {
    const made = changes.map(() => false);
    const left = new Map(changes.map((change, at) => [JSON.stringify(change.row.key), { change, at }]));
    for (const some of partsOf(changes, KEYS_AT_ONCE)) {
      const { rows } = await ask(lockStatement(this.#shape, some.map(({ row }) => row.key)));
      for (const row of rows) {
        const found = left.get(JSON.stringify(row.slice(0, this.key.length).map(String)));
        if (found !== undefined && this.#isUnchanged(row, found.change.row)) made[found.at] = true;
      }
    }
    const done = changes.filter((_, at) => made[at]);
    for (const statement of this.#updates(done)) await ask(statement);
    await this.#refuseAltered(ask, done);
    return made;
  }

  #isUnchanged(row: SqlRow, before: StoredRow): boolean {
    const keys = this.key.length;
    const now = row[keys]!;
    const { value } = before;
    const same = now === null || value === null ? now === value : typeof value === 'string' ? isUtf8(now) && now.toString('utf8') === value : now.equals(value);
    return same && before.context.every((text, at) => textOf(row[keys + 1 + at]!) === text);
  }

  /** As many as it takes for none to be longer than the server takes. */
  #updates(changes: readonly RowChange[]): readonly string[] {
    if (changes.length === 0) return [];
    const statements = partsOf(changes, CHANGES_AT_ONCE).map((some) => ({ some, text: updateStatement(this.#shape, some) }));
    return statements.flatMap(({ some, text }) => {
      if (text.length <= this.#longestStatement) return [text];
      if (some.length === 1) throw this.#refusal('gets a value that is longer than max_allowed_packet of the server allows', 'raise max_allowed_packet');
      return [some.slice(0, some.length >> 1), some.slice(some.length >> 1)].flatMap((half) => this.#updates(half));
    });
  }

  /** A trigger may have changed again what was written. */
  async #refuseAltered(ask: Ask, changes: readonly RowChange[]): Promise<void> {
    for (const some of partsOf(changes, KEYS_AT_ONCE)) {
      const [row] = (await ask(sumStatement(this.#shape, some.map(({ row: { key } }) => key)))).rows;
      const [count, value, ...context] = row!.map(Number);
      const sent = [sumOf(some.map((change) => change.value)), ...this.#target.context.map((_, at) => sumOf(some.map((change) => change.row.context[at]!)))];
      const exact = some.every((change) => this.#shape.value.readsAsSent(change.value));
      const arrived = [exact ? value : sent[0], ...context];
      if (count === some.length && sent.every((sum, at) => sum === arrived[at])) continue;
      throw new LockfastError(
        'database-refused',
        `a trigger of ${this.#shape.table.name} changes what is written to ${this.#shape.column}; nothing of this batch was kept`,
        'let the trigger look at a variable, and name it under `set` in the declaration of the column',
      );
    }
  }

  #refuseUnfit(changes: readonly RowChange[]): void {
    const { room } = this;
    const { dropsSpaces } = this.#shape.value;
    if (dropsSpaces && changes.some(({ value }) => typeof value === 'string' && value.endsWith(' '))) throw this.#refusal('is of type char, which drops the spaces that a value ends with', `${this.#widening()} first`);
    if (room === undefined) return;
    const longest = changes.reduce((most, { value }) => Math.max(most, value !== null && value.length > room ? (typeof value === 'string' ? Array.from(value).length : value.length) : 0), 0);
    if (longest > room) throw this.#refusal(`holds ${room} characters at most, and a value needs ${longest}`, this.#widening());
  }

  #widening(): string {
    return `ALTER TABLE ${this.#shape.table.sql} MODIFY ${identifier(this.#shape.column)} ${this.storage === 'binary' ? 'longblob' : 'longtext'}`;
  }

  #refusal(what: string, hint: string): LockfastError {
    return new LockfastError('config-invalid', `${this.#shape.table.name}.${this.#shape.column} ${what}`, hint);
  }

  async #look<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#waitingForOthers(this.#reading, async () => await this.#reading.transaction(startOfLook(this.#settings), work));
  }

  /** A lock that was waited for in vain: with who may hold it. */
  async #waitingForOthers<T>(connection: JobConnection, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!reports(error, 1205, 1969, 3024)) throw error;
      const own = [this.#reading.id, this.#writing.id].filter((id) => id !== undefined);
      throw await connection.use(async (ask) => await namingHolders(ask, error as LockfastError, own)).catch(() => error);
    }
  }
}

function textOf(value: Buffer | null): string | null {
  return value === null ? null : value.toString('utf8');
}

/** As the server sums them. */
function sumOf(values: readonly (string | Buffer | null)[]): number {
  return values.reduce((sum, value) => sum + crc32(value ?? Buffer.of(0)), 0);
}

function partsOf<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}

/** Of a blind index, the context has the encrypted value. */
function contextLength(context: SqlRow): number {
  return context.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}
