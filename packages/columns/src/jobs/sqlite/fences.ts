/** Fences of SQLite: two triggers, which refuse a write before it is made. SQLite adds no CHECK to a table that is there. */
import { LockfastError } from '@lockfast/core/errors';

import { type ColumnTarget, LABEL_CHARACTERS, START_CHARACTERS } from '../database.ts';
import { type ColumnFences, fenceName, type FenceRule, type FenceViolations, MOST_VIOLATING_ROWS, refusalText, type StandingFence, violationOf } from '../fence.ts';
import { type FenceTrigger, fenceTriggers, INSERTS, UPDATES, fencesOfTriggers } from '../fence-triggers.ts';
import type { Ask, JobConnection } from './connection.ts';
import { keyText } from './key-text.ts';
import { identifier } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';

const HEAD = `'lfv1.[a-z]${'[a-z2-7]'.repeat(5)}.'`;

export class SqliteFences implements ColumnFences {
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
    return fenceName(this.#target, passes(rule, this.#shape, 'NEW'));
  }

  async standing(): Promise<readonly StandingFence[]> {
    return await this.#reading.use((ask) => fencesOfTriggers(this.#triggers(ask)));
  }

  async statements(rule: FenceRule): Promise<readonly string[]> {
    return await this.#reading.use((ask) => this.#alteration(ask, rule));
  }

  async removal(): Promise<readonly string[]> {
    return await this.#reading.use((ask) => this.#triggers(ask).map(({ trigger }) => dropping(trigger)));
  }

  /** One statement, and so of one moment. */
  async violations(rule: FenceRule): Promise<FenceViolations> {
    const { key, table, label } = this.#shape;
    const from = `FROM ${table.sql} AS t WHERE NOT (${passes(rule, this.#shape, 't')})`;
    const kind = kindOf(rule, valueIn(this.#shape, 't'));
    const shown = label === undefined ? 'NULL' : `substr(CAST(t.${identifier(label)} AS TEXT), 1, ${LABEL_CHARACTERS})`;
    return await this.#reading.use((ask) => {
      const counts = [...ask(`SELECT ${kind}, count(*) ${from} GROUP BY 1 ORDER BY 1`)];
      const first = counts.length === 0 ? [] : [...ask(`SELECT ${kind}, ${shown}, ${key.map(({ sql }) => sql).join(', ')} ${from} ORDER BY ${key.map(({ sql }) => sql).join(', ')} LIMIT ${MOST_VIOLATING_ROWS}`)];
      return {
        rows: counts.reduce((sum, [, rows]) => sum + Number(rows), 0),
        counts: counts.map(([named, rows]) => ({ violation: violationOf(String(named)), rows: Number(rows) })),
        first: first.map(([named, name, ...values]) => ({ violation: violationOf(String(named)), label: typeof name === 'string' ? name : null, key: values.map((value, at) => (value === null ? '' : keyText(value, key[at]!.affinity))) })),
      };
    });
  }

  async raise(rule: FenceRule): Promise<void> {
    await this.#writing.transaction((ask) => {
      for (const statement of this.#alteration(ask, rule)) ask.run(statement);
    });
  }

  async prove(rule: FenceRule): Promise<boolean> {
    return (await this.violations(rule)).rows === 0;
  }

  async remove(): Promise<readonly string[]> {
    return await this.#writing.transaction((ask) => {
      const names = fencesOfTriggers(this.#triggers(ask)).map(({ name }) => name);
      for (const { trigger } of this.#triggers(ask)) ask.run(dropping(trigger));
      return names;
    });
  }

  #triggers(ask: Ask): FenceTrigger[] {
    return fenceTriggers(this.#target, [...ask("SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? ORDER BY name", this.#shape.table.name)]);
  }

  #alteration(ask: Ask, rule: FenceRule): string[] {
    refuseUtf16(ask);
    const name = this.nameOf(rule);
    const there = this.#triggers(ask).map(({ trigger }) => trigger);
    const table = identifier(this.#shape.table.name);
    const refuse = `BEGIN SELECT RAISE(ABORT, '${refusalText(name)}'); END`;
    const refused = `NOT (${passes(rule, this.#shape, 'NEW')})`;
    // Whatever the column's collation folds is a change.
    const changed = `${valueIn(this.#shape, 'NEW')} COLLATE BINARY IS NOT ${valueIn(this.#shape, 'OLD')}`;
    const wanted = new Map([
      [name + INSERTS, `BEFORE INSERT ON ${table} WHEN ${refused} ${refuse}`],
      [name + UPDATES, `BEFORE UPDATE OF ${identifier(this.#shape.column)} ON ${table} WHEN ${changed} AND ${refused} ${refuse}`],
    ]);
    return [
      ...Array.from(wanted, ([trigger, body]) => (there.includes(trigger) ? [] : [`CREATE TRIGGER main.${identifier(trigger)} ${body}`])).flat(),
      ...there.filter((trigger) => !wanted.has(trigger)).map(dropping),
    ];
  }
}

/** There bytes are counted and compared in that encoding: a fence would let in nothing. @throws LockfastError `config-invalid` */
function refuseUtf16(ask: Ask): void {
  const [encoding] = ask.first('PRAGMA encoding') ?? [];
  if (encoding === 'UTF-8') return;
  throw new LockfastError('config-invalid', `the database has its texts in ${String(encoding)}, in which a fence can not tell encrypted values`, 'there can be no fence in it; `lockfast column verify` finds plaintext');
}

function dropping(trigger: string): string {
  return `DROP TRIGGER main.${identifier(trigger)}`;
}

/** @param row `NEW`, `OLD` or the alias of the table */
function valueIn({ column, value: { storage, path } }: TableShape, row: string): string {
  const cell = `${row}.${identifier(column)}`;
  if (storage !== 'json') return cell;
  // A number may be that of an element, or the name of a member.
  const paths = path.reduce<string[]>((all, step) => all.flatMap((before) => [...(/^(?:0|[1-9]\d{0,8})$/.test(step) ? [`${before}[${step}]`] : []), `${before}."${memberName(step)}"`]), ['$']);
  const members = paths.map((one) => `json_extract(${cell}, '${one.replaceAll("'", "''")}')`);
  // What is no document is itself the value: no shape that passes.
  return `CASE WHEN ${cell} IS NULL THEN NULL WHEN json_valid(${cell}) THEN ${members.length === 1 ? members[0]! : `coalesce(${members.join(', ')})`} ELSE '' END`;
}

function memberName(step: string): string {
  if (/["\\]/.test(step)) throw new LockfastError('config-invalid', 'the path of a column names a member with a quote or a backslash, which SQLite can not look up', 'there can be no fence over it');
  return step;
}

function passes({ formats, refusedKeys }: FenceRule, shape: TableShape, row: string): string {
  const value = valueIn(shape, row);
  const binary = shape.value.storage === 'binary';
  const type = `typeof(${value}) = '${binary ? 'blob' : 'text'}'`;
  // A text ends for most functions at a NUL, and what follows it would not be looked at.
  const ascii = `length(CAST(${value} AS BLOB)) = length(${value})`;
  const start = `CAST(substr(${value}, 1, ${START_CHARACTERS}) AS TEXT)`;
  const shapes = formats.map((format) => {
    if (format === 'fernet') {
      const text = `CAST(${value} AS TEXT)`;
      return `${type} AND ${ascii} AND substr(${text}, 1, 6) = 'gAAAAA' AND rtrim(${text}, '=') NOT GLOB '*[^A-Za-z0-9_-]*' AND length(${value}) >= 100 AND length(${value}) % 4 = 0`;
    }
    const body = binary ? `length(${value}) >= 85` : `${ascii} AND substr(${value}, 13) NOT GLOB '*[^A-Za-z0-9_-]*' AND length(${value}) >= 110`;
    const refused = refusedKeys.length === 0 ? '' : ` AND ${start} NOT IN (${refusedKeys.map((id) => `'lfv1.${id}.'`).join(', ')})`;
    return `${type} AND ${body} AND ${start} GLOB ${HEAD}${refused}`;
  });
  return `${value} IS NULL OR ${shapes.map((one) => `(${one})`).join(' OR ')}`;
}

function kindOf({ formats, refusedKeys }: FenceRule, value: string): string {
  const start = `CAST(substr(${value}, 1, ${START_CHARACTERS}) AS TEXT)`;
  const passing = (format: FenceRule['formats'][number]): string => (formats.includes(format) ? 'malformed' : 'format');
  const refused = refusedKeys.length === 0 ? '' : ` WHEN ${start} IN (${refusedKeys.map((id) => `'lfv1.${id}.'`).join(', ')}) THEN ${start}`;
  return `CASE${refused} WHEN ${start} GLOB 'lfv1.*' THEN '${passing('lfv1')}' WHEN ${start} GLOB 'gAAAAA*' THEN '${passing('fernet')}' ELSE 'plaintext' END`;
}
