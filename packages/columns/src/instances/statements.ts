/** The statements about the table of instances, in the SQL of each database. */
import { LockfastError } from '@lockfast/core/errors';

import { INSTANCES_TABLE_NAME } from './table-name.ts';

export type InstanceDatabase = 'postgres' | 'mysql' | 'sqlite';

export interface InstanceStatements {
  /** Makes the table. Run twice it changes nothing. */
  readonly create: string;
  /** Parameters: instance, host, environment, ring, generation, active, held, seconds after which it counts as gone. */
  readonly report: string;
  /** Parameter: instance. */
  readonly remove: string;
  /** Rows of applications that ended without a word, a day ago. */
  readonly forget: string;
  /** All rows, with the columns that `instanceOf` takes. */
  readonly read: string;
}

interface Dialect {
  readonly text: string;
  /** Of the primary key and of short columns: MySQL has no index on a text without a length. */
  readonly name: string;
  readonly integer: string;
  readonly moment: string;
  readonly now: string;
  readonly parameter: (number: number) => string;
  readonly onConflict: string;
  readonly newValue: (column: string) => string;
  /** Seconds since the moment in this column. */
  readonly secondsSince: (column: string) => string;
}

const DIALECTS: Readonly<Record<InstanceDatabase, Dialect>> = {
  postgres: {
    text: 'text',
    name: 'text',
    integer: 'integer',
    moment: 'timestamptz',
    // now() is the start of the transaction.
    now: 'clock_timestamp()',
    parameter: (number) => `$${number}`,
    onConflict: 'ON CONFLICT (instance) DO UPDATE SET',
    newValue: (column) => `excluded.${column}`,
    secondsSince: (column) => `extract(epoch FROM clock_timestamp() - ${column})::float8`,
  },
  mysql: {
    text: 'text',
    name: 'varchar(255)',
    integer: 'integer',
    moment: 'datetime(3)',
    now: 'utc_timestamp(3)',
    parameter: () => '?',
    onConflict: 'ON DUPLICATE KEY UPDATE',
    // MariaDB has no other way; MySQL calls it old, and takes it.
    newValue: (column) => `VALUES(${column})`,
    secondsSince: (column) => `timestampdiff(MICROSECOND, ${column}, utc_timestamp(3)) / 1000000`,
  },
  sqlite: {
    text: 'text',
    name: 'text',
    integer: 'integer',
    moment: 'real',
    now: "julianday('now')",
    parameter: () => '?',
    onConflict: 'ON CONFLICT (instance) DO UPDATE SET',
    newValue: (column) => `excluded.${column}`,
    secondsSince: (column) => `(julianday('now') - ${column}) * 86400`,
  },
};

const REPORTED = ['instance', 'host', 'environment', 'ring', 'generation', 'active', 'held', 'gone_after'] as const;
const DAY_SECONDS = 86_400;

/** @param table as SQL spells it, in lower case, with or without a schema. @throws LockfastError `usage` for another name */
export function instanceStatements(database: InstanceDatabase, table: string): InstanceStatements {
  if (!INSTANCES_TABLE_NAME.test(table)) {
    throw new LockfastError('usage', 'the name of the table of instances is not usable', 'use lower-case letters, digits and underscores, with or without a schema: app.lockfast_instances');
  }
  const { text, name, integer, moment, now, parameter, onConflict, newValue, secondsSince } = DIALECTS[database];
  const changed = REPORTED.slice(1).map((column) => `${column} = ${newValue(column)}`);
  return {
    create: `CREATE TABLE IF NOT EXISTS ${table} (instance ${name} NOT NULL PRIMARY KEY, host ${name}, environment ${name} NOT NULL, ring ${name} NOT NULL, generation ${integer} NOT NULL, active ${name} NOT NULL, held ${text} NOT NULL, gone_after ${integer} NOT NULL, started ${moment} NOT NULL, seen ${moment} NOT NULL)`,
    report: `INSERT INTO ${table} (${REPORTED.join(', ')}, started, seen) VALUES (${REPORTED.map((_, i) => parameter(i + 1)).join(', ')}, ${now}, ${now}) ${onConflict} ${changed.join(', ')}, seen = ${now}`,
    remove: `DELETE FROM ${table} WHERE instance = ${parameter(1)}`,
    forget: `DELETE FROM ${table} WHERE ${secondsSince('seen')} > ${DAY_SECONDS}`,
    read: `SELECT ${REPORTED.join(', ')}, ${secondsSince('seen')}, ${secondsSince('started')} FROM ${table} ORDER BY host, instance`,
  };
}
