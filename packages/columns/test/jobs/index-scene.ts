/** A table of customers whose email is encrypted and indexed, on a real server, and an application that writes it. */
import type { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';

import { blindIndex, type BlindIndexDefinition, column } from '../../src/index.ts';
import { buildIndex, type ColumnDatabase, type DeclaredColumn, type DeclaredIndex, type IndexBuild, type IndexReport, type IndexSurvey, StoredValues, surveyIndex } from '../../src/jobs/index.ts';
import { aDatabase, type Scratch } from './postgres/a-database.ts';

export const SOURCE: DeclaredColumn = { id: 'customers.email', table: 'customers', column: 'email', context: ['org'], format: 'lfv1', as: 'text', label: 'name' };
export const DEFINITION: BlindIndexDefinition = { id: 'customers.email.index', column: 'customers.email', normalise: 'case-and-width', context: ['org'] };
export const INDEX: DeclaredIndex = { definition: DEFINITION, source: SOURCE, column: 'email_index' };

export interface IndexScene {
  readonly scratch: Scratch;
  readonly client: Client;
  readonly database: ColumnDatabase;
}

/** @param email @param index the types of the columns */
export async function anIndexScene(email = 'text', index = 'varchar(60)'): Promise<IndexScene> {
  const scratch = aDatabase(`CREATE TABLE customers (id int PRIMARY KEY, name text, org text, email ${email}, email_index ${index})`);
  const client = new Client({ connectionString: scratch.url });
  await client.connect();
  onTestFinished(async () => await client.end());
  return { scratch, client, database: await scratch.open() };
}

/** Rows 1, 2, ... with these emails and no index, as before there was one. */
export async function fill({ client }: Pick<IndexScene, 'client'>, ring: KeyRing, emails: readonly (string | null)[], org = 'acme'): Promise<void> {
  const source = column(ring, { id: SOURCE.id, context: SOURCE.context });
  const stored = source.encryptBatch(emails, emails.map(() => ({ org })));
  await client.query('INSERT INTO customers SELECT n, $2, $3, e FROM unnest($1::text[]) WITH ORDINALITY AS u(e, n)', [stored, 'somebody', org]);
}

export function emailsOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `Customer${n + 1}@Example.com`);
}

export async function build({ database }: Pick<IndexScene, 'database'>, ring: KeyRing, { declared = INDEX, ...what }: Partial<IndexBuild> & { readonly declared?: DeclaredIndex } = {}): Promise<IndexReport> {
  return await buildIndex(database, declared, blindIndex(ring, declared.definition), new StoredValues(ring, declared.source, []), { dryRun: false, batch: 1000, fewValues: false, ...what });
}

export async function survey({ database }: Pick<IndexScene, 'database'>, ring: KeyRing, declared = INDEX): Promise<IndexSurvey> {
  return await surveyIndex(database, declared, blindIndex(ring, declared.definition), new StoredValues(ring, declared.source, []), {});
}

/** The ids of the rows that an application finds by this email. */
export async function found({ client }: Pick<IndexScene, 'client'>, ring: KeyRing, email: string, org = 'acme', definition = DEFINITION): Promise<number[]> {
  const candidates = blindIndex(ring, definition).candidates(email, (definition.context ?? []).length === 0 ? {} : { org });
  return (await client.query<{ id: number }>('SELECT id FROM customers WHERE email_index = ANY ($1) ORDER BY id', [candidates])).rows.map(({ id }) => id);
}

/** Writes an email with its index in one statement, as an application should. */
export async function write({ client }: Pick<IndexScene, 'client'>, ring: KeyRing, id: number, email: string | null, org = 'acme'): Promise<void> {
  const source = column(ring, { id: SOURCE.id, context: SOURCE.context });
  await client.query('UPDATE customers SET org = $2, email = $3, email_index = $4 WHERE id = $1', [id, org, source.encrypt(email, { org }), blindIndex(ring, DEFINITION).of(email, { org })]);
}
