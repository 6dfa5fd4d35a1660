/** Drizzle with a column whose values are under the key of their row's tenant: the adapter asks nothing of it that another bound column does not. */
import { column, shreddedAt } from '@lockfast/columns';
import { boundColumnType, type BoundValuesOf, decryptRows, encryptChanges, encryptRow, encryptRows } from '@lockfast/columns/drizzle';
import type { KeyRing } from '@lockfast/core/keyring';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';
import { eq } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { customType, integer, pgTable } from 'drizzle-orm/pg-core';
import { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { refusalOf as laterRefusalOf } from '../contract/refusal.ts';
import { heldRing } from '../held-ring.ts';
import { refusalOf } from '../refusal.ts';

const missing = missingForPostgres();

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
function phonesUnder(ring: KeyRing) {
  const number = column(ring, { id: 'phones.number', context: ['org_id'], tenantKey: 'own', tenant: 'org_id' });
  return pgTable('phones', {
    id: integer('id').primaryKey(),
    orgId: integer('org_id').notNull(),
    number: customType<BoundValuesOf<typeof number>>(boundColumnType(number))('number'),
  });
}

describe.skipIf(missing !== undefined)(`Drizzle${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: PostgresServer;
  let pool: Pool;
  beforeAll(async () => {
    server = await startPostgres('fast');
    pool = new Pool({ connectionString: server.url('postgres', 'postgres') });
    await pool.query('CREATE TABLE phones (id integer PRIMARY KEY, org_id integer NOT NULL, number text)');
  }, 60_000);
  afterAll(async () => {
    await pool?.end();
    await server?.stop();
  });

  test('[W10] [W9] writes and reads values of several tenants; after a shred one of them is refused, and the others read', async () => {
    const ring = (await heldRing()).withTenantSecrets(['7', '8']);
    const phones = phonesUnder(ring);
    const db = drizzle(pool);
    await db.insert(phones).values(encryptRows(phones, [{ id: 1, orgId: 7, number: 'canary-1' }, { id: 2, orgId: 8, number: 'canary-2' }, { id: 3, orgId: 7, number: null }]));
    await db.update(phones).set(encryptChanges(phones, { number: 'canary-3' }, { orgId: 8 })).where(eq(phones.id, 2));
    expect(decryptRows(phones, await db.select().from(phones).orderBy(phones.id))).toMatchObject([{ number: 'canary-1' }, { number: 'canary-3' }, { number: null }]);
    expect((await pool.query<{ number: string }>('SELECT number FROM phones WHERE number IS NOT NULL')).rows.every(({ number }) => number.startsWith('lfv1.'))).toBe(true);
    expect(refusalOf(() => encryptRow(phones, { id: 4, orgId: 9, number: 'canary-4' }))).toMatchObject({ code: 'missing-key', hint: expect.stringContaining('lockfast tenant own-key 9') as unknown });

    const after = phonesUnder(ring.withTenantSecretDestroyed('7'));
    const rows = async (orgId: number): Promise<unknown> => decryptRows(after, await db.select().from(after).where(eq(after.orgId, orgId)));
    const destroyed = await rows(7).catch(shreddedAt);
    expect(Date.parse(String(destroyed))).toBeLessThanOrEqual(Date.now());
    expect(await laterRefusalOf(() => rows(7))).toMatchObject({ code: 'key-not-usable', message: expect.stringContaining(String(destroyed)) as unknown });
    expect(await rows(8)).toMatchObject([{ number: 'canary-3' }]);
  });
});
