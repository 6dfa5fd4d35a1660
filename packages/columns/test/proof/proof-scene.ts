/** A table of secrets that each hold a canary, a job over it, and what must hold after it: whatever was done to it meanwhile. */
import { inspect } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import { expect } from 'vitest';

import type { ColumnDatabase, Conversion, ConversionReport, DeclaredColumn, Direction } from '../../src/jobs/index.ts';
import { convertColumn, StoredValues } from '../../src/jobs/index.ts';
import type { DatabaseUnderTest, TestDatabase } from '../databases/database-under-test.ts';
import { aDatabase, type Scratch } from '../jobs/postgres/a-database.ts';
import { applicationColumn, Recorded } from '../jobs/scene.ts';

/** Part of every plaintext. No message, cause, report or record may hold it. */
export const CANARY = 'Kanarienvogel';

export const PROVEN: DeclaredColumn = { id: 'proof.secret', table: 't', column: 'secret', context: ['org'], format: 'lfv1', as: 'text' };

export const secretOf = (id: number): string => `${CANARY} ${id}`;
export const orgOf = (id: number): string => `org ${id % 3}`;

/** On PostgreSQL, with `rows` secrets in plaintext. @param more SQL of the owner, afterwards */
export function aTable(rows: number, more = ''): Scratch {
  return aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name text, org text, secret text);
    INSERT INTO t SELECT n, 'row ' || n, 'org ' || n % 3, '${CANARY} ' || n FROM generate_series(1, ${rows}) n; ${more}`);
}

/** As {@link aTable}, on any kind of database. */
export function aTableOn(under: DatabaseUnderTest, rows: number, more = ''): TestDatabase {
  return under.aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name varchar(40), org varchar(40), secret ${under.types.text});
    INSERT INTO t SELECT n, concat('row ', n), concat('org ', n % 3), concat('${CANARY} ', n) FROM ${under.series(rows)}; ${more}`);
}

/** One job, with connections of its own. It is on record, and its record holds no canary. */
export async function convert(scratch: TestDatabase, ring: KeyRing, direction: Direction, what: Partial<Conversion> = {}, declared = PROVEN): Promise<ConversionReport> {
  const database = await scratch.open();
  try {
    return await convertIn(database, ring, direction, what, declared);
  } finally {
    await database.close();
  }
}

export async function convertIn(database: ColumnDatabase, ring: KeyRing, direction: Direction, what: Partial<Conversion> = {}, declared = PROVEN): Promise<ConversionReport> {
  const audit = new Recorded();
  try {
    const report = await convertColumn(database, declared, new StoredValues(ring, declared, []), { direction, dryRun: false, batch: 20, audit, ...what });
    expect(inspect(report, { depth: 10 })).not.toContain(CANARY);
    return report;
  } finally {
    expect(JSON.stringify(audit)).not.toContain(CANARY);
    expect(audit.outcomes).toHaveLength(audit.intents.length);
  }
}

/** What a job ended with. */
export async function refused(work: Promise<unknown>): Promise<LockfastError> {
  const error: unknown = await work.then(
    (result) => new Error(`it went well: ${inspect(result)}`),
    (thrown: unknown) => thrown,
  );
  return asRefusal(error);
}

/** No part of it holds a canary, and it says what to do. */
export function asRefusal(error: unknown): LockfastError {
  if (!(error instanceof LockfastError)) throw error;
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(CANARY);
  expect(error.hint).not.toBe('');
  return error;
}

/** Each row as the application reads it, by its id: a value that does not decrypt throws, and so does one in plaintext. */
export function asRead(scratch: TestDatabase, ring: KeyRing, declared = PROVEN): Map<number, string | null> {
  const rows = scratch.rows(declared.column);
  const values = applicationColumn(ring, declared).decryptBatch(
    rows.map(([, , stored]) => stored),
    declared.context.length === 0 ? undefined : rows.map(([, org]) => ({ org: org! })),
  );
  return new Map(rows.map(([id], index) => [id, values[index]!]));
}

/** @param over what an application wrote meanwhile; undefined: it removed the row */
export function expected(rows: number, over: Readonly<Record<number, string | null | undefined>> = {}): Map<number, string | null> {
  const all = new Map<number, string | null>(Array.from({ length: rows }, (_, index) => [index + 1, secretOf(index + 1)]));
  for (const [id, value] of Object.entries(over)) {
    if (value === undefined) all.delete(Number(id));
    else all.set(Number(id), value);
  }
  return all;
}

/** How many rows are not under the active key. */
export function notCurrent(scratch: TestDatabase, ring: KeyRing): number {
  return Number(scratch.sql(`SELECT count(*) FROM t WHERE secret NOT LIKE 'lfv1.${ring.active().id}.%'`));
}

/** Everything holds: each row opens under the active key as what it was, and was encrypted once. */
export function expectWhole(scratch: TestDatabase, ring: KeyRing, rows: number, over: Readonly<Record<number, string | null | undefined>> = {}): void {
  expect(notCurrent(scratch, ring)).toBe(0);
  expect(asRead(scratch, ring)).toEqual(expected(rows, over));
}
