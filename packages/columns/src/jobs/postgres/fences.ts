/** Fences of PostgreSQL: CHECK constraints. NOT VALID at first, which meets every write; validated they are the server's own proof. */
import { LockfastError } from '@lockfast/core/errors';

import { type ColumnTarget, LABEL_CHARACTERS, START_CHARACTERS } from '../database.ts';
import { type ColumnFences, fenceName, type FenceRule, type FenceViolations, isFenceOf, MOST_VIOLATING_ROWS, ruleIn, type StandingFence, violationOf } from '../fence.ts';
import { CHANGE_MS, changeTable } from '../table-change.ts';
import type { Ask, JobConnection } from './connection.ts';
import { reports } from './failure.ts';
import { namingHolders } from './lock-holders.ts';
import { identifier, literal, textArray } from './sql-text.ts';
import type { TableShape } from './table-shape.ts';
import { startOfAlteration, startOfProof, startOfSurvey } from './transaction-start.ts';

export class PostgresFences implements ColumnFences {
  /** PostgreSQL looks at all constraints of a row whatever an update changes. */
  readonly meetsEveryUpdate = true;
  readonly keepsProof = true;
  readonly #target: ColumnTarget;
  readonly #shape: TableShape;
  readonly #connection: JobConnection;

  /** @param connection one whose replies may take as long as they take */
  constructor(target: ColumnTarget, shape: TableShape, connection: JobConnection) {
    this.#target = target;
    this.#shape = shape;
    this.#connection = connection;
  }

  nameOf(rule: FenceRule): string {
    return fenceName(this.#target, condition(rule, this.#target, this.#shape));
  }

  async standing(): Promise<readonly StandingFence[]> {
    const rows = await this.#survey(
      async (ask) => await ask(`SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid = $1::oid AND contype = 'c' ORDER BY conname`, [this.#shape.table.oid]),
    );
    return rows
      .filter(([name]) => isFenceOf(this.#target, String(name)))
      .map(([name, proven, definition]) => ({ name: String(name), proven: proven === true, whole: true, rule: ruleIn(String(definition)) }));
  }

  async statements(rule: FenceRule): Promise<readonly string[]> {
    const alteration = await this.#alteration(rule);
    const proven = (await this.standing()).some(({ name, proven: done }) => name === this.nameOf(rule) && done === true);
    return [...(alteration.length === 0 ? [] : [`BEGIN; ${[`SET LOCAL lock_timeout = '500ms'`, ...alteration, 'COMMIT'].join('; ')}`]), ...(proven ? [] : [this.#validation(rule)])];
  }

  async removal(): Promise<readonly string[]> {
    return (await this.standing()).map(({ name }) => this.#dropping(name));
  }

  async violations(rule: FenceRule): Promise<FenceViolations> {
    const { key, label, table } = this.#shape;
    const order = key.map(({ sql }) => sql).join(', ');
    const keys = `ARRAY[${key.map(({ sql }) => `${sql}::text`).join(', ')}]::text[]`;
    const shown = label === undefined ? 'NULL::text' : `left(t.${identifier(label)}::text, ${LABEL_CHARACTERS})`;
    const from = `FROM ${table.sql} t WHERE NOT (${condition(rule, this.#target, this.#shape)})`;
    const kind = kindOf(rule, this.#value());
    const counts = await this.#survey(async (ask) => await ask(`SELECT ${kind}, count(*)::text ${from} GROUP BY 1 ORDER BY 1`));
    const first = counts.length === 0 ? [] : await this.#survey(async (ask) => await ask(`SELECT ${keys}, ${shown}, ${kind} ${from} ORDER BY ${order} LIMIT ${MOST_VIOLATING_ROWS}`));
    return {
      rows: counts.reduce((sum, [, rows]) => sum + Number(rows), 0),
      counts: counts.map(([named, rows]) => ({ violation: violationOf(String(named)), rows: Number(rows) })),
      first: first.map(([found, name, named]) => ({ key: found as string[], label: name as string | null, violation: violationOf(String(named)) })),
    };
  }

  async raise(rule: FenceRule): Promise<void> {
    await this.#alter(await this.#alteration(rule));
  }

  async prove(rule: FenceRule): Promise<boolean> {
    try {
      await this.#connection.transaction(startOfProof(), async (ask) => await ask(this.#validation(rule)));
      return true;
    } catch (error) {
      if (reports(error, '23514')) return false;
      throw await this.#named(error);
    }
  }

  async remove(): Promise<readonly string[]> {
    const names = (await this.standing()).map(({ name }) => name);
    await this.#alter(names.map((name) => this.#dropping(name)));
    return names;
  }

  /** One lock for both: so there is no moment without a fence, and none with two that contradict each other. */
  async #alteration(rule: FenceRule): Promise<readonly string[]> {
    const { table } = this.#shape;
    const name = this.nameOf(rule);
    const standing = (await this.standing()).map((fence) => fence.name);
    // What is alone there needs no constraint of the tables that inherit from it.
    const alone = table.sql.startsWith('ONLY ') ? ' NO INHERIT' : '';
    return [
      ...(standing.includes(name) ? [] : [`ALTER TABLE ${table.sql} ADD CONSTRAINT ${identifier(name)} CHECK (${condition(rule, this.#target, this.#shape)})${alone} NOT VALID`]),
      ...standing.filter((other) => other !== name).map((other) => this.#dropping(other)),
    ];
  }

  async #alter(statements: readonly string[]): Promise<void> {
    if (statements.length === 0) return;
    const alter = async (): Promise<void> =>
      await this.#connection.transaction(startOfAlteration(), async (ask) => {
        for (const statement of statements) await ask(statement);
      });
    try {
      await changeTable(alter, (error) => reports(error, '55P03', '40P01'), performance.now() + CHANGE_MS);
    } catch (error) {
      throw await this.#named(error);
    }
  }

  /** What a fence's failures mean: who holds the table, and that it takes its owner. */
  async #named(error: unknown): Promise<unknown> {
    const { table } = this.#shape;
    if (reports(error, '55P03')) {
      const busy = new LockfastError('busy', `others hold the table ${table.name}, which a fence needs for a moment`, 'run it again when they are done, or when there is less load', (error as LockfastError).cause);
      const own = this.#connection.process;
      try {
        return await this.#connection.use(async (ask) => await namingHolders(ask, busy, table, own === undefined ? [] : [own]));
      } catch {
        return busy;
      }
    }
    if (!reports(error, '42501')) return error;
    return new LockfastError('database-refused', `only the owner of ${table.name} puts a fence up or takes it down`, 'name a role in the URL that owns the table, or give the SQL of --dry-run to the owner', (error as LockfastError).cause);
  }

  #validation(rule: FenceRule): string {
    return `ALTER TABLE ${this.#shape.table.sql} VALIDATE CONSTRAINT ${identifier(this.nameOf(rule))}`;
  }

  #dropping(name: string): string {
    return `ALTER TABLE ${this.#shape.table.sql} DROP CONSTRAINT ${identifier(name)}`;
  }

  #value(): string {
    return valueOf(this.#target, this.#shape);
  }

  async #survey<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return await this.#connection.transaction(startOfSurvey(this.#target.set ?? {}), work);
  }
}

/** The value as text, in the C collation: patterns mean the same everywhere, and a collation that folds case has none. */
function valueOf({ column, path = [] }: ColumnTarget, { value: { storage } }: TableShape): string {
  const cell = identifier(column);
  if (storage === 'binary') return `encode(${cell}, 'escape')`;
  return storage === 'json' ? `(${cell} #>> ${textArray(path)})` : `${cell}::text`;
}

/** What passes is true or NULL. Where the value is NULL, so is all of it. */
function condition({ formats, refusedKeys }: FenceRule, target: ColumnTarget, shape: TableShape): string {
  const value = valueOf(target, shape);
  const binary = shape.value.storage === 'binary';
  // Of a binary value only the start is text.
  const start = binary ? `encode(substring(${identifier(target.column)}, 1, ${START_CHARACTERS}), 'escape')` : `left(${value}, ${START_CHARACTERS})`;
  const length = binary ? `octet_length(${identifier(target.column)})` : `length(${value})`;
  const shapes = formats.map((format) => {
    if (format === 'fernet') return `${value} COLLATE "C" ~ '^gAAAAA[A-Za-z0-9_-]+={0,2}$' AND ${length} >= 100 AND ${length} % 4 = 0`;
    const refused = refusedKeys.length === 0 ? '' : ` AND ${start} NOT IN (${refusedKeys.map((id) => literal(`lfv1.${id}.`)).join(', ')})`;
    const body = binary ? `${start} COLLATE "C" ~ '^lfv1[.][a-z][a-z2-7]{5}[.]$' AND ${length} >= 85` : `${value} COLLATE "C" ~ '^lfv1[.][a-z][a-z2-7]{5}[.][A-Za-z0-9_-]+$' AND ${length} >= 110`;
    return `${body}${refused}`;
  });
  return shapes.map((one) => (shapes.length === 1 ? one : `(${one})`)).join(' OR ');
}

/** Of a row that does not pass: why. What is in shape and does not pass is under a refused key. */
function kindOf({ formats, refusedKeys }: FenceRule, value: string): string {
  const passes = (format: FenceRule['formats'][number]): boolean => formats.includes(format);
  const refused = refusedKeys.length === 0 ? '' : ` WHEN left(${value}, ${START_CHARACTERS}) IN (${refusedKeys.map((id) => literal(`lfv1.${id}.`)).join(', ')}) THEN left(${value}, ${START_CHARACTERS})`;
  return `CASE${refused} WHEN left(${value}, 5) = 'lfv1.' THEN '${passes('lfv1') ? 'malformed' : 'format'}' WHEN left(${value}, 6) = 'gAAAAA' THEN '${passes('fernet') ? 'malformed' : 'format'}' ELSE 'plaintext' END`;
}
