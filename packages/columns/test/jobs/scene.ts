/** One table with one encrypted column, on a real server, and what jobs and applications do with it. */
import type { KeyRing } from '@lockfast/core/keyring';
import type { AuditEvent, AuditOutcome, AuditSink } from '@lockfast/core/ports';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';

import { column, type Column } from '../../src/column.ts';
import type { FernetKey } from '@lockfast/core/keyring';
import type { Conversion, ConversionReport, Direction } from '../../src/jobs/index.ts';
import { type ColumnDatabase, convertColumn, type DeclaredColumn, StoredValues } from '../../src/jobs/index.ts';
import type { ValueTypeName, ValueTypes } from '../../src/value-type.ts';
import { aDatabase, type Scratch } from './postgres/a-database.ts';

export const DECLARED: DeclaredColumn = { id: 'tests.secret', table: 't', column: 'secret', context: [], format: 'lfv1', as: 'text', label: 'name' };

export interface Scene {
  readonly scratch: Scratch;
  readonly client: Client;
  readonly database: ColumnDatabase;
  /** The one column of the rows, in the order of their ids. */
  secrets(): Promise<(string | Buffer | null)[]>;
}

/** @param type of the column `secret`; the table has `id`, `name` and `org` beside it */
export async function aScene(type = 'text'): Promise<Scene> {
  const scratch = aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name text, org text, secret ${type})`);
  const client = new Client({ connectionString: scratch.url });
  await client.connect();
  onTestFinished(async () => await client.end());
  return {
    scratch,
    client,
    database: await scratch.open(),
    secrets: async () => (await client.query<{ secret: string | Buffer | null }>('SELECT secret FROM t ORDER BY id')).rows.map(({ secret }) => secret),
  };
}

/** Rows 1, 2, ... with these values. */
export async function fill({ client }: Scene, values: readonly (string | Uint8Array | null)[], org: (id: number) => string | null = () => 'acme'): Promise<void> {
  for (const [index, value] of values.entries()) {
    await client.query('INSERT INTO t VALUES ($1, $2, $3, $4)', [index + 1, `row ${index + 1}`, org(index + 1), value instanceof Uint8Array ? Buffer.from(value) : value]);
  }
}

export async function run(
  { database }: Scene,
  ring: KeyRing,
  direction: Direction,
  { fernetKeys = [], declared = DECLARED, ...what }: Partial<Conversion> & { readonly fernetKeys?: readonly FernetKey[]; readonly declared?: DeclaredColumn } = {},
): Promise<ConversionReport> {
  return await convertColumn(database, declared, new StoredValues(ring, declared, fernetKeys), { direction, dryRun: false, batch: 1000, ...what });
}

/** What an application has for the same column. */
export function applicationColumn<As extends ValueTypeName = 'text'>(ring: KeyRing, declared: DeclaredColumn = DECLARED, as: As = 'text' as As, fernetKeys?: readonly FernetKey[]): Column<ValueTypes[As]> {
  const { id, format, context } = declared;
  return column(ring, { id, format, as, context, migrating: true, ...(fernetKeys === undefined ? {} : { fernetKeys }) });
}

/** Keeps what is recorded. */
export class Recorded implements AuditSink {
  readonly intents: AuditEvent[] = [];
  readonly outcomes: AuditOutcome[] = [];
  readonly events: (AuditEvent & AuditOutcome)[] = [];

  intend(events: readonly AuditEvent[]): Promise<readonly number[]> {
    this.intents.push(...events);
    return Promise.resolve(events.map((_, index) => this.intents.length - events.length + index));
  }

  conclude(outcomes: readonly AuditOutcome[]): Promise<void> {
    this.outcomes.push(...outcomes);
    return Promise.resolve();
  }

  record(event: AuditEvent & AuditOutcome): Promise<void> {
    this.events.push(event);
    return Promise.resolve();
  }
}
