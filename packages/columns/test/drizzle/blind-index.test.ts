/** A column that is searched by its blind index, with Drizzle: the application writes the index beside the value, as the guide says. */
import { type BlindIndex, blindIndex, column } from '@lockfast/columns';
import { boundColumnType, type BoundValuesOf, decryptRows, encryptChanges, encryptRow, encryptRows } from '@lockfast/columns/drizzle';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';
import { eq, inArray } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { customType, index as sqlIndex, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { heldRing } from '../held-ring.ts';

const ID = 'customers.email.index';
const ring = (await heldRing()).withNewIndexKey(ID);
const email = column(ring, { id: 'customers.email', context: ['org_id'] });
const perOrg = blindIndex(ring, { id: ID, column: 'customers.email', normalise: 'case-and-width', context: ['org_id'] });

const customers = pgTable(
  'customers',
  {
    id: integer('id').primaryKey(),
    orgId: integer('org_id').notNull(),
    email: customType<BoundValuesOf<typeof email>>(boundColumnType(email))('email'),
    emailIndex: text('email_index'),
  },
  (table) => [sqlIndex('customers_email_index').on(table.emailIndex)],
);

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`Drizzle: blind indexes${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: PostgresServer;
  let pool: Pool;
  let db: NodePgDatabase;

  beforeAll(async () => {
    server = await startPostgres('fast');
    pool = new Pool({ connectionString: server.url('postgres', 'postgres') });
    db = drizzle(pool);
  }, 60_000);
  afterAll(async () => {
    await pool.end();
    await server.stop();
  }, 30_000);
  beforeEach(() => void server.sql('postgres', 'DROP TABLE IF EXISTS customers; CREATE TABLE customers (id integer PRIMARY KEY, org_id integer NOT NULL, email text, email_index text); CREATE INDEX ON customers (email_index)'));

  interface NewCustomer {
    readonly id: number;
    readonly orgId: number;
    readonly email: string | null;
  }

  /** What the guide says: the index beside the value, in the same statement. */
  function indexed(row: NewCustomer, index: BlindIndex = perOrg): NewCustomer & { readonly emailIndex: string | null } {
    return { ...row, emailIndex: index.of(row.email, { org_id: row.orgId }) };
  }

  async function findByEmail(orgId: number, wanted: string, index: BlindIndex = perOrg): Promise<NewCustomer[]> {
    const rows = await db.select().from(customers).where(inArray(customers.emailIndex, index.candidates(wanted, { org_id: orgId }))).orderBy(customers.id);
    return decryptRows(customers, rows).filter((row) => index.matches(row.emailIndex, row.email, { org_id: row.orgId }) && row.email?.toLowerCase() === wanted.toLowerCase());
  }

  test('[B14] [T1] a value is found by equality within its organization; a change takes its index along', async () => {
    await db.insert(customers).values(encryptRow(customers, indexed({ id: 1, orgId: 1, email: 'Ada@Example.com' })));
    await db.insert(customers).values(encryptRows(customers, [indexed({ id: 2, orgId: 2, email: 'ada@example.com' }), indexed({ id: 3, orgId: 1, email: null })]));
    expect(await findByEmail(1, 'ADA@example.com')).toMatchObject([{ id: 1, email: 'Ada@Example.com' }]);
    expect(await findByEmail(2, 'ADA@example.com')).toMatchObject([{ id: 2 }]);
    // Nobody sees that both are one person.
    expect(server.sql('postgres', 'SELECT count(DISTINCT email_index) FROM customers')).toBe('2');
    const changes = { email: 'hopper@example.com', emailIndex: perOrg.of('hopper@example.com', { org_id: 1 }) };
    await db.update(customers).set(encryptChanges(customers, changes, { orgId: 1 })).where(eq(customers.id, 1));
    expect(await findByEmail(1, 'ada@example.com')).toEqual([]);
    expect(await findByEmail(1, 'Hopper@example.com')).toMatchObject([{ id: 1 }]);
    expect(server.sql('postgres', "SELECT string_agg(email || email_index, '') FROM customers")).not.toMatch(/example|hopper|ada@/i);
  });

  test('[D7] while the index is rotated, both candidates find what servers with either key ring write', async () => {
    const staged = ring.withNewIndexKey(ID);
    const [before, after] = [staged, staged.withIndexKeyActive(ID)].map((one) => blindIndex(one, perOrg.definition)) as [BlindIndex, BlindIndex];
    await db.insert(customers).values(encryptRows(customers, [indexed({ id: 1, orgId: 1, email: 'ada@example.com' }, before), indexed({ id: 2, orgId: 1, email: 'ada@example.com' }, after)]));
    for (const index of [before, after]) expect(await findByEmail(1, 'ada@example.com', index)).toMatchObject([{ id: 1 }, { id: 2 }]);
  });
});
