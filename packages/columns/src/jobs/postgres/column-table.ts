/** One column of one table of PostgreSQL. */
import { LockfastError } from '@lockfast/core/errors';

import type { Checkpoint, ColumnTable, ColumnTarget, RowChange, RowKey, StoredRow } from '../database.ts';
import { makeCheckpoints, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoints.ts';
import type { Ask, JobConnection, SqlRow } from './connection.ts';
import { reports } from './failure.ts';
import { namingHolders } from './lock-holders.ts';
import { identifier } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';
import {
  arrivedStatement,
  censusStatement,
  countStatement,
  estimateStatement,
  lastKeyStatement,
  longestStatement,
  pageStatement,
  rowStatement,
  sampleStatement,
  unchangedStatement,
  windowEndStatement,
  writeStatement,
} from './table-statements.ts';
import { type Settings, startOfPage, startOfSurvey, startOfWrite } from './transaction-start.ts';

/** Below it, a table is counted and sampled whole. */
const FEW_ROWS = 10_000;
/** So often nobody happens to remove a row and put the same one back between two statements. */
const WITHHELD_TRIES = 3;

export class PostgresColumnTable implements ColumnTable {
  readonly storage: ColumnTable['storage'];
  readonly key: readonly string[];
  readonly room: number | undefined;
  readonly checkpoints: ColumnTable['checkpoints'];
  readonly #target: ColumnTarget;
  readonly #shape: TableShape;
  readonly #settings: Settings;
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;
  #checkpointsMade = false;
  /** How many rows the last page had: where documents are long, the server would open all those behind it in vain. */
  #lastPage = Number.POSITIVE_INFINITY;

  constructor(target: ColumnTarget, shape: TableShape, checkpoints: ColumnTable['checkpoints'], reading: JobConnection, writing: JobConnection) {
    this.storage = shape.value.storage;
    this.room = shape.value.room;
    this.key = shape.key.map(({ name }) => name);
    this.checkpoints = checkpoints;
    this.#target = target;
    this.#shape = shape;
    this.#settings = target.set ?? {};
    this.#reading = reading;
    this.#writing = writing;
  }

  async estimatedRows(): Promise<number> {
    return await this.#survey(async (ask) => {
      const [row] = await ask(estimateStatement(this.#shape));
      const [estimated, unknown] = row as readonly [number, boolean];
      if (!unknown && estimated >= FEW_ROWS) return estimated;
      return Math.max(estimated, Number((await ask(countStatement(this.#shape), [10 * FEW_ROWS]))[0]?.[0]));
    });
  }

  async longestValue(): Promise<number> {
    return await this.#survey(async (ask) => Number((await ask(longestStatement(this.#shape)))[0]?.[0]));
  }

  async read(after: RowKey | null, limit: number, notUnder?: string, upTo?: RowKey): Promise<readonly StoredRow[]> {
    for (let from = after; ; ) {
      const [rows, end] = await this.#page(from, limit, notUnder, upTo);
      if (rows.length > 0 || end === undefined) return rows;
      from = end;
    }
  }

  async lastKey(): Promise<RowKey | undefined> {
    const read = async (ask: Ask): Promise<readonly SqlRow[]> => await ask(lastKeyStatement(this.#shape));
    const [key] = await this.#waitingForOthers(this.#reading, async () => await this.#reading.transaction(startOfPage(this.#settings), read));
    return key as RowKey | undefined;
  }

  async row(key: RowKey): Promise<StoredRow | undefined> {
    const rows = await this.#reading.transaction(startOfPage(this.#settings), async (ask) => await ask(rowStatement(this.#shape), this.#parameters(key)));
    return rows.map((row) => this.#stored(row))[0];
  }

  async write(changes: readonly RowChange[], checkpoint: Checkpoint | undefined): Promise<readonly boolean[]> {
    this.#refuseTooLong(changes);
    const kept = this.checkpoints === 'kept' ? checkpoint : undefined;
    if (kept !== undefined && !this.#checkpointsMade) {
      await this.#writing.transaction(startOfWrite({}), makeCheckpoints);
      this.#checkpointsMade = true;
    }
    return await this.#waitingForOthers(this.#writing, async () =>
      await this.#writing.transaction(startOfWrite(this.#settings), async (ask) => {
        const made = await this.#replace(ask, changes);
        if (kept !== undefined) await writeCheckpoint(ask, this.#target.id, this.key, kept);
        return made;
      }),
    );
  }

  async census(): Promise<readonly { readonly start: string | null; readonly rows: number }[]> {
    const rows = await this.#survey(async (ask) => await ask(censusStatement(this.#shape)));
    return rows.map(([start, count]) => ({ start: start as string | null, rows: Number(count) }));
  }

  async sample(rows: number): Promise<readonly StoredRow[]> {
    const total = await this.estimatedRows();
    // Four times what is wanted: pages are not equally full, and rows without a value do not count.
    const parts = total <= Math.max(FEW_ROWS, 4 * rows) ? [] : [Math.min(100, (400 * rows) / total), Math.min(100, (4000 * rows) / total)];
    for (const percent of [...parts, undefined]) {
      const found = await this.#survey(async (ask) => await ask(sampleStatement(this.#shape, percent), [rows]));
      if (found.length >= rows || percent === undefined) return found.map((row) => this.#stored(row));
    }
    return [];
  }

  async checkpoint(): Promise<Checkpoint | undefined> {
    if (this.checkpoints !== 'kept') return undefined;
    return await this.#writing.use(async (ask) => await readCheckpoint(ask, this.#target.id, this.key));
  }

  async forgetCheckpoint(): Promise<void> {
    if (this.checkpoints !== 'kept') return;
    await this.#writing.transaction(startOfWrite({}), async (ask) => await removeCheckpoint(ask, this.#target.id));
  }

  /** @returns the end of the rows that were looked at, where others follow */
  async #page(after: RowKey | null, limit: number, notUnder: string | undefined, upTo: RowKey | undefined): Promise<readonly [readonly StoredRow[], RowKey | undefined]> {
    const bounds = [after, upTo].flatMap((key) => (key === null || key === undefined ? [] : this.#parameters(key)));
    const most = Math.min(limit, 2 * this.#lastPage);
    const [isAfter, isUpTo] = [after !== null, upTo !== undefined];
    const read = async (ask: Ask): Promise<readonly [readonly StoredRow[], RowKey | undefined]> => {
      const rows = await ask(pageStatement(this.#shape, isAfter, notUnder !== undefined, isUpTo), [most, ...bounds, ...(notUnder === undefined ? [] : [notUnder])]);
      this.#lastPage = Math.max(1, rows.length);
      if (rows.length > 0 || notUnder === undefined) return [rows.map((row) => this.#stored(row)), undefined];
      const [end] = await ask(windowEndStatement(this.#shape, isAfter, isUpTo), bounds);
      return [[], end as RowKey | undefined];
    };
    return await this.#waitingForOthers(this.#reading, async () => await this.#reading.transaction(startOfPage(this.#settings), read));
  }

  async #survey<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#waitingForOthers(this.#reading, async () => await this.#reading.transaction(startOfSurvey(this.#settings), work));
  }

  #stored(row: SqlRow): StoredRow {
    const keys = this.#shape.key.length;
    return {
      key: row.slice(0, keys) as string[],
      value: row[keys] as StoredRow['value'],
      context: row.slice(keys + 1, -1) as (string | null)[],
      label: row.at(-1) as string | null,
    };
  }

  #parameters(key: RowKey): readonly string[] {
    if (key.length !== this.key.length) throw new TypeError(`a key of ${this.key.length} columns is needed`);
    return key;
  }

  #columnsOf(changes: readonly RowChange[]): readonly unknown[] {
    return [
      changes.map(({ row }) => row.value),
      changes.map(({ value }) => value),
      ...this.key.map((_, at) => changes.map(({ row }) => row.key[at])),
      ...this.#target.context.map((_, at) => changes.map(({ row }) => row.context[at])),
    ];
  }

  #refuseTooLong(changes: readonly RowChange[]): void {
    const { room } = this;
    if (room === undefined) return;
    const longest = changes.reduce((most, { value }) => Math.max(most, typeof value === 'string' && value.length > room ? Array.from(value).length : 0), 0);
    if (longest <= room) return;
    const { table } = this.#shape;
    throw new LockfastError(
      'config-invalid',
      `${table.name}.${this.#target.column} holds ${room} characters at most, and a value needs ${longest}`,
      `ALTER TABLE ${table.sql} ALTER COLUMN ${identifier(this.#target.column)} TYPE text`,
    );
  }

  async #replace(ask: Ask, changes: readonly RowChange[]): Promise<readonly boolean[]> {
    const made = changes.map(() => false);
    let left = changes.map((change, at) => ({ change, at }));
    for (let tries = 1; left.length > 0; tries++) {
      const sent = left.map(({ change }) => change);
      for (const [n, arrived] of await ask(writeStatement(this.#shape, this.#target.column), this.#columnsOf(sent))) {
        if (arrived !== true) throw this.#altered();
        made[left[Number(n) - 1]!.at] = true;
      }
      left = left.filter(({ at }) => !made[at]);
      // Somebody else's write is a reason not to make a change. A row that still is what was read was put back in this moment, or is withheld.
      const unchanged = left.length === 0 ? 0 : await this.#count(ask, unchangedStatement(this.#shape), left.map(({ change }) => change));
      if (unchanged === 0) break;
      if (tries === WITHHELD_TRIES) throw this.#withheld();
    }
    const done = changes.filter((_, at) => made[at]);
    if (this.#shape.triggersAfter && done.length > 0) {
      await ask('SET CONSTRAINTS ALL IMMEDIATE');
      if ((await this.#count(ask, arrivedStatement(this.#shape), done)) < done.length) throw this.#altered();
    }
    return made;
  }

  async #count(ask: Ask, statement: string, changes: readonly RowChange[]): Promise<number> {
    const [row] = await ask(statement, this.#columnsOf(changes));
    return Number(row?.[0]);
  }

  /** A lock that was waited for in vain: with who holds it. */
  async #waitingForOthers<T>(connection: JobConnection, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!reports(error, '55P03', '57014')) throw error;
      const own = [this.#reading.process, this.#writing.process].filter((process) => process !== undefined);
      throw await connection.use(async (ask) => await namingHolders(ask, error as LockfastError, this.#shape.table, own)).catch(() => error);
    }
  }

  #withheld(): LockfastError {
    const { table } = this.#shape;
    return new LockfastError(
      'database-refused',
      `a trigger of ${table.name}, or a rule, keeps rows as they are and does not say so; nothing of this batch was kept`,
      'let the trigger look at a setting, and name the setting under `set` in the declaration of the column',
    );
  }

  #altered(): LockfastError {
    const { table } = this.#shape;
    return new LockfastError(
      'database-refused',
      `a trigger of ${table.name} changes what is written to ${this.#target.column}; nothing of this batch was kept`,
      'let the trigger look at a setting, and name the setting under `set` in the declaration of the column',
    );
  }
}
