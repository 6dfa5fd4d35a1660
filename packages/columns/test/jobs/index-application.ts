/** The index of customers' emails as an application and a job have it; nothing here needs a test to run in. */
import type { KeyRing } from '@lockfast/core/keyring';
import type { Client } from 'pg';

import { blindIndex, type BlindIndexDefinition, column } from '../../src/index.ts';
import { buildIndex, type ColumnDatabase, type DeclaredColumn, type DeclaredIndex, type IndexBuild, type IndexReport, StoredValues } from '../../src/jobs/index.ts';

export const SOURCE: DeclaredColumn = { id: 'customers.email', table: 'customers', column: 'email', context: ['org'], format: 'lfv1', as: 'text', label: 'name' };
export const DEFINITION: BlindIndexDefinition = { id: 'customers.email.index', column: 'customers.email', normalise: 'case-and-width', context: ['org'] };
export const INDEX: DeclaredIndex = { definition: DEFINITION, source: SOURCE, column: 'email_index' };

export async function build({ database }: { readonly database: ColumnDatabase }, ring: KeyRing, { declared = INDEX, ...what }: Partial<IndexBuild> & { readonly declared?: DeclaredIndex } = {}): Promise<IndexReport> {
  return await buildIndex(database, declared, blindIndex(ring, declared.definition), new StoredValues(ring, declared.source, []), { dryRun: false, batch: 1000, fewValues: false, ...what });
}

/** Writes an email with its index in one statement, as an application should. */
export async function write({ client }: { readonly client: Client }, ring: KeyRing, id: number, email: string | null, org = 'acme'): Promise<void> {
  const source = column(ring, { id: SOURCE.id, context: SOURCE.context });
  await client.query('UPDATE customers SET org = $2, email = $3, email_index = $4 WHERE id = $1', [id, org, source.encrypt(email, { org }), blindIndex(ring, DEFINITION).of(email, { org })]);
}
