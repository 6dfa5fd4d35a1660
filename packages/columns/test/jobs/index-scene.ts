/** A table of customers whose email is encrypted and indexed, on a real server, and an application that writes it. */
import type { KeyRing } from '@lockfast/core/keyring';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';

import { blindIndex, column } from '../../src/index.ts';
import { type ColumnDatabase, type IndexSurvey, StoredValues, surveyIndex } from '../../src/jobs/index.ts';
import { DEFINITION, INDEX, SOURCE } from './index-application.ts';
import { aDatabase, type Scratch } from './postgres/a-database.ts';

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

export async function survey({ database }: Pick<IndexScene, 'database'>, ring: KeyRing, declared = INDEX): Promise<IndexSurvey> {
  return await surveyIndex(database, declared, blindIndex(ring, declared.definition), new StoredValues(ring, declared.source, []), {});
}

/** The ids of the rows that an application finds by this email. */
export async function found({ client }: Pick<IndexScene, 'client'>, ring: KeyRing, email: string, org = 'acme', definition = DEFINITION): Promise<number[]> {
  const candidates = blindIndex(ring, definition).candidates(email, (definition.context ?? []).length === 0 ? {} : { org });
  return (await client.query<{ id: number }>('SELECT id FROM customers WHERE email_index = ANY ($1) ORDER BY id', [candidates])).rows.map(({ id }) => id);
}
