/**
 * Fences of MySQL and MariaDB: two triggers, which refuse a write before it is made. A CHECK constraint that is added looks at all rows
 * at once, and for so long nobody writes.
 */
import { LockfastError } from '@lockfast/core/errors';

import { type ColumnTarget, LABEL_CHARACTERS, START_CHARACTERS } from '../database.ts';
import { type ColumnFences, fenceName, type FenceRule, type FenceViolations, MOST_VIOLATING_ROWS, refusalText, type StandingFence, violationOf } from '../fence.ts';
import { type FenceTrigger, fenceTriggers, INSERTS, UPDATES, fencesOfTriggers } from '../fence-triggers.ts';
import { CHANGE_MS, changeTable } from '../table-change.ts';
import type { Ask, JobConnection } from './connection.ts';
import { isNotAllowed, reports } from './failure.ts';
import { jsonMember } from './json-member.ts';
import { namingHolders } from './lock-holders.ts';
import { startOfLook } from './session-settings.ts';
import { identifier, literal } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';

export class MysqlFences implements ColumnFences {
  /** A trigger sees what a value was before. */
  readonly meetsEveryUpdate = false;
  readonly keepsProof = false;
  readonly #target: ColumnTarget;
  readonly #shape: TableShape;
  readonly #reading: JobConnection;
  readonly #writing: JobConnection;

  constructor(target: ColumnTarget, shape: TableShape, reading: JobConnection, writing: JobConnection) {
    this.#target = target;
    this.#shape = shape;
    this.#reading = reading;
    this.#writing = writing;
  }

  nameOf(rule: FenceRule): string {
    return fenceName(this.#target, passes(rule, this.#shape, this.#target, 'NEW'));
  }

  /** A server commits each trigger by itself: between two of them a run may be killed. */
  async standing(): Promise<readonly StandingFence[]> {
    return fencesOfTriggers(await this.#triggers());
  }

  /** The new ones first: for a moment both fences are up. */
  async statements(rule: FenceRule): Promise<readonly string[]> {
    const name = this.nameOf(rule);
    const there = (await this.#triggers()).map(({ trigger }) => trigger);
    const { table, column } = this.#shape;
    const refuse = `SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '${refusalText(name)}'`;
    const refused = `NOT (${passes(rule, this.#shape, this.#target, 'NEW')})`;
    const bytesOf = (row: string): string => `CAST(${row}.${identifier(column)} AS BINARY)`;
    const changed = this.#shape.value.storage === 'json' ? `NOT (CAST(${valueIn(this.#shape, this.#target, 'NEW')} AS BINARY) <=> CAST(${valueIn(this.#shape, this.#target, 'OLD')} AS BINARY))` : `NOT (${bytesOf('NEW')} <=> ${bytesOf('OLD')})`;
    const wanted = new Map([
      [name + INSERTS, `BEFORE INSERT ON ${table.sql} FOR EACH ROW IF ${refused} THEN ${refuse}; END IF`],
      [name + UPDATES, `BEFORE UPDATE ON ${table.sql} FOR EACH ROW IF ${changed} AND ${refused} THEN ${refuse}; END IF`],
    ]);
    return [
      ...Array.from(wanted, ([trigger, body]) => (there.includes(trigger) ? [] : [`CREATE TRIGGER ${this.#named(trigger)} ${body}`])).flat(),
      ...there.filter((trigger) => !wanted.has(trigger)).map((trigger) => `DROP TRIGGER ${this.#named(trigger)}`),
    ];
  }

  async removal(): Promise<readonly string[]> {
    return (await this.#triggers()).map(({ trigger }) => `DROP TRIGGER ${this.#named(trigger)}`);
  }

  /** Of one moment: all of it in one snapshot. */
  async violations(rule: FenceRule): Promise<FenceViolations> {
    const { key, table, label } = this.#shape;
    const from = `FROM ${table.sql} t WHERE NOT (${passes(rule, this.#shape, this.#target, 't')})`;
    const kind = kindOf(rule, valueIn(this.#shape, this.#target, 't'));
    const shown = label === undefined ? 'NULL' : `LEFT(CONVERT(CAST(t.${identifier(label)} AS CHAR) USING utf8mb4), ${LABEL_CHARACTERS})`;
    const order = key.columns.map(({ sql }) => sql).join(', ');
    return await this.#reading.transaction(startOfLook(this.#target.set ?? {}), async (ask) => {
      const { rows: counts } = await ask(`SELECT ${kind}, COUNT(*) ${from} GROUP BY 1 ORDER BY 1`);
      const { rows: first } = counts.length === 0 ? { rows: [] } : await ask(`SELECT ${kind}, ${shown}, ${key.columns.map(({ text }) => text).join(', ')} ${from} ORDER BY ${order} LIMIT ${MOST_VIOLATING_ROWS}`);
      return {
        rows: counts.reduce((sum, [, rows]) => sum + Number(rows), 0),
        counts: counts.map(([named, rows]) => ({ violation: violationOf(String(named)), rows: Number(rows) })),
        first: first.map(([named, name, ...values]) => ({ violation: violationOf(String(named)), label: name?.toString() ?? null, key: values.map(String) })),
      };
    });
  }

  async raise(rule: FenceRule): Promise<void> {
    await this.#alter(await this.statements(rule));
  }

  /** The triggers are there: who wrote without them has ended, since they took the table for a moment. */
  async prove(rule: FenceRule): Promise<boolean> {
    return (await this.violations(rule)).rows === 0;
  }

  async remove(): Promise<readonly string[]> {
    const names = (await this.standing()).map(({ name }) => name);
    await this.#alter(await this.removal());
    return names;
  }

  async #triggers(): Promise<FenceTrigger[]> {
    const { schema, table } = this.#shape.table;
    const { rows } = await this.#reading.use(
      async (ask) => await ask(`SELECT trigger_name, action_statement FROM information_schema.triggers WHERE event_object_schema = ${literal(schema)} AND event_object_table = ${literal(table)} ORDER BY trigger_name`),
    );
    return fenceTriggers(this.#target, rows);
  }

  async #alter(statements: readonly string[]): Promise<void> {
    const deadline = performance.now() + CHANGE_MS;
    try {
      for (const statement of statements) {
        await changeTable(async () => await this.#writing.use(async (ask) => await this.#briefly(ask, statement)), isHeld, deadline);
      }
    } catch (error) {
      throw await this.#meaning(error);
    }
  }

  async #briefly(ask: Ask, statement: string): Promise<void> {
    await ask('SET SESSION lock_wait_timeout = 1');
    try {
      await ask(statement);
    } finally {
      await ask('SET SESSION lock_wait_timeout = 2').catch(() => {});
    }
  }

  async #meaning(error: unknown): Promise<unknown> {
    const { name } = this.#shape.table;
    if (isHeld(error)) {
      const busy = new LockfastError('busy', `others hold the table ${name}, which a fence needs for a moment`, 'run it again when they are done, or when there is less load', (error as LockfastError).cause);
      const own = [this.#reading.id, this.#writing.id].filter((id) => id !== undefined);
      try {
        return await this.#reading.use(async (ask) => await namingHolders(ask, busy, own));
      } catch {
        return busy;
      }
    }
    const hint = 'grant it TRIGGER on the table; where the server writes a binary log, log_bin_trust_function_creators must be on, too; or give the SQL of --dry-run to an administrator';
    return isNotAllowed(error) || reports(error, 1419) ? new LockfastError('database-refused', `this user may not make triggers on ${name}`, hint, (error as LockfastError).cause) : error;
  }

  /** Triggers are in the schema of their table. */
  #named(trigger: string): string {
    return `${identifier(this.#shape.table.schema)}.${identifier(trigger)}`;
  }
}

function isHeld(error: unknown): boolean {
  return reports(error, 1205, 1213);
}

/** As text; of a binary column the text that its bytes are in Latin-1. @param row `NEW`, `OLD` or the alias of the table */
function valueIn({ column, value: { storage } }: TableShape, { path = [] }: ColumnTarget, row: string): string {
  const cell = `${row}.${identifier(column)}`;
  if (storage === 'text') return `CONVERT(${cell} USING utf8mb4) COLLATE utf8mb4_bin`;
  if (storage === 'binary') return `CONVERT(${cell} USING latin1) COLLATE latin1_bin`;
  const member = path.length === 0 ? cell : jsonMember(cell, path).read;
  return `CASE WHEN ${member} IS NULL OR JSON_TYPE(${member}) = 'NULL' THEN NULL WHEN JSON_TYPE(${member}) = 'STRING' THEN CONVERT(JSON_UNQUOTE(${member}) USING utf8mb4) COLLATE utf8mb4_bin ELSE _utf8mb4'' COLLATE utf8mb4_bin END`;
}

function passes({ formats, refusedKeys }: FenceRule, shape: TableShape, target: ColumnTarget, row: string): string {
  const value = valueIn(shape, target, row);
  const binary = shape.value.storage === 'binary';
  const start = `LEFT(${value}, ${START_CHARACTERS})`;
  // Not by the end of a pattern, which a newline may follow.
  const shapes = formats.map((format) => {
    if (format === 'fernet') {
      const body = `TRIM(TRAILING '=' FROM ${value})`;
      return `LEFT(${value}, 6) = 'gAAAAA' AND ${body} NOT REGEXP '[^A-Za-z0-9_-]' AND CHAR_LENGTH(${value}) - CHAR_LENGTH(${body}) <= 2 AND CHAR_LENGTH(${value}) >= 100 AND CHAR_LENGTH(${value}) % 4 = 0`;
    }
    const refused = refusedKeys.length === 0 ? '' : ` AND ${start} NOT IN (${refusedKeys.map((id) => `'lfv1.${id}.'`).join(', ')})`;
    const body = binary ? `CHAR_LENGTH(${value}) >= 85` : `SUBSTRING(${value}, 13) NOT REGEXP '[^A-Za-z0-9_-]' AND CHAR_LENGTH(${value}) >= 110`;
    return `${start} REGEXP '^lfv1[.][a-z][a-z2-7]{5}[.]' AND ${body}${refused}`;
  });
  return `${value} IS NULL OR ${shapes.map((one) => `(${one})`).join(' OR ')}`;
}

function kindOf({ formats, refusedKeys }: FenceRule, value: string): string {
  const passing = (format: FenceRule['formats'][number]): string => (formats.includes(format) ? 'malformed' : 'format');
  const refused = refusedKeys.length === 0 ? '' : ` WHEN LEFT(${value}, ${START_CHARACTERS}) IN (${refusedKeys.map((id) => `'lfv1.${id}.'`).join(', ')}) THEN LEFT(${value}, ${START_CHARACTERS})`;
  return `CASE${refused} WHEN LEFT(${value}, 5) = 'lfv1.' THEN '${passing('lfv1')}' WHEN LEFT(${value}, 6) = 'gAAAAA' THEN '${passing('fernet')}' ELSE 'plaintext' END`;
}
