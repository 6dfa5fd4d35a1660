/** A column that is searched by its blind index, with Prisma: the application writes the index beside the value, as the guide says. */
import { PrismaPg } from '@prisma/adapter-pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { type BlindIndex, blindIndex, column } from '@lockfast/columns';
import { lockfastPrisma } from '@lockfast/columns/prisma';
import type { KeyRing } from '@lockfast/core/keyring';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';

import { refusalOf } from '../contract/refusal.ts';
import { heldRing } from '../held-ring.ts';
import { generatedModule, type RawClient } from './prisma/generated-client.ts';

const SCHEMA = `
generator client {
  provider = "prisma-client"
  output   = "./client"
}

datasource db {
  provider = "postgresql"
}

model Customer {
  id         Int     @id
  orgId      Int
  email      String?
  emailIndex String?

  @@index([emailIndex])
}
`;
const ID = 'customers.email.index';

interface Customer {
  readonly id: number;
  readonly orgId: number;
  readonly email: string | null;
  readonly emailIndex: string | null;
}

type Call = (args: unknown) => Promise<unknown>;
type Client = RawClient & { readonly customer: Readonly<Record<'create' | 'createMany' | 'update' | 'findMany', Call>> };

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`Prisma: blind indexes${missing === undefined ? '' : ` (${missing})`}`, () => {
  let server: PostgresServer;
  let client: Client;
  let ring: KeyRing;

  beforeAll(async () => {
    server = await startPostgres('fast');
    const { PrismaClient } = await generatedModule(SCHEMA);
    ring = (await heldRing()).withNewIndexKey(ID);
    const bare = new PrismaClient({ adapter: new PrismaPg({ connectionString: server.url('postgres', 'postgres') }) });
    client = bare.$extends(lockfastPrisma({ columns: { Customer: { email: column(ring, { id: 'customers.email', context: ['orgId'] }) } } })) as Client;
  }, 120_000);
  afterAll(async () => {
    await client.$disconnect();
    await server.stop();
  }, 30_000);
  beforeEach(() => void server.sql('postgres', 'DROP TABLE IF EXISTS "Customer"; CREATE TABLE "Customer" (id integer PRIMARY KEY, "orgId" integer NOT NULL, email text, "emailIndex" text); CREATE INDEX ON "Customer" ("emailIndex")'));

  const emailIndex = (of: KeyRing, bits = 256): BlindIndex => blindIndex(of, { id: ID, column: 'customers.email', normalise: 'case-and-width', bits });

  /** What the guide says: the index beside the value, in the same statement. */
  function row(index: BlindIndex, id: number, email: string | null, orgId = 1): object {
    return { id, orgId, email, emailIndex: index.of(email) };
  }

  /** And: what is found is compared, since a truncated index finds others, too. */
  async function findByEmail(index: BlindIndex, email: string): Promise<Customer[]> {
    const found = (await client.customer.findMany({ where: { emailIndex: { in: index.candidates(email) } }, orderBy: { id: 'asc' } })) as Customer[];
    return found.filter((customer) => index.matches(customer.emailIndex, customer.email) && customer.email?.toLowerCase() === email.toLowerCase());
  }

  test('[B14] [T1] a value is found by equality, and by no other way; null is not', async () => {
    const index = emailIndex(ring);
    await client.customer.create({ data: row(index, 1, 'Ada@Example.com') });
    await client.customer.createMany({ data: [row(index, 2, 'grace@example.com'), row(index, 3, null), row(index, 4, 'ADA@example.com', 2)] });
    expect(await findByEmail(index, 'ada@EXAMPLE.com')).toMatchObject([{ id: 1, email: 'Ada@Example.com' }, { id: 4, email: 'ADA@example.com' }]);
    expect(await findByEmail(index, 'ada')).toEqual([]);
    expect(await client.customer.findMany({ where: { emailIndex: null } })).toMatchObject([{ id: 3 }]);
    await client.customer.update({ where: { id: 2, orgId: 1 }, data: { email: 'hopper@example.com', emailIndex: index.of('hopper@example.com') } });
    expect(await findByEmail(index, 'grace@example.com')).toEqual([]);
    expect(await findByEmail(index, 'hopper@example.com')).toMatchObject([{ id: 2 }]);
    // The encrypted column itself still can't be asked.
    expect(await refusalOf(async () => await client.customer.findMany({ where: { email: 'hopper@example.com' } }))).toMatchObject({ code: 'usage' });
    expect(server.sql('postgres', 'SELECT string_agg(email || "emailIndex", \'\') FROM "Customer"')).not.toMatch(/example|hopper|ada@/i);
  });

  test('[B14] truncated: others are found, and dropped where they are compared', async () => {
    const short = emailIndex(ring, 8);
    await client.customer.createMany({ data: Array.from({ length: 1000 }, (_, n) => row(short, n, `c${n}@example.com`)) });
    expect(((await client.customer.findMany({ where: { emailIndex: { in: short.candidates('c7@example.com') } } })) as Customer[]).length).toBeGreaterThan(1);
    expect(await findByEmail(short, 'C7@example.com')).toMatchObject([{ id: 7 }]);
  });

  test('[D7] while the index is rotated, both candidates find what servers with either key ring write', async () => {
    const staged = ring.withNewIndexKey(ID);
    const active = staged.withIndexKeyActive(ID);
    const [before, after] = [emailIndex(staged), emailIndex(active)];
    await client.customer.createMany({ data: [row(before, 1, 'ada@example.com'), row(after, 2, 'ada@example.com')] });
    for (const index of [before, after]) expect(await findByEmail(index, 'ada@example.com')).toMatchObject([{ id: 1 }, { id: 2 }]);
  });
});
