/**
 * What the Prisma extension costs an application: the same calls of the same client with and without it, on the same
 * PostgreSQL, on tables of their own. Without fsync, which would hide all else.
 */
import { PrismaPg } from '@prisma/adapter-pg';

import { column } from '@lockfast/columns';
import { lockfastPrisma } from '@lockfast/columns/prisma';
import { missingForPostgres, startPostgres } from '@lockfast/testkit';

import { type GeneratedClient, generatedModule } from '../packages/columns/test/adapters/prisma/generated-client.ts';
import { TABLES } from '../packages/columns/test/contract/tables.ts';
import { interleave, type Step } from './interleave.ts';
import { newRing } from './ring.ts';
import { LOCKFAST, type Row, rowOf } from './table.ts';

const UNRECORDED = 3;
/** Rows of one `findMany`, and of one `createMany`. */
const PAGE = 100;
const TOKEN = 'xoxb-000000000000-000000000000-XXXXXXXXXXXXXXXXXXXXXXXX';

/** How often each runs in a round. `id` goes up with every call. */
const JOBS: Readonly<Record<string, { readonly times: number; readonly call: (client: GeneratedClient, id: number) => Promise<unknown> }>> = {
  create: { times: 50, call: async ({ connection }, id) => await connection['create']!({ data: { id, orgId: 'more', botToken: TOKEN } }) },
  update: { times: 50, call: async ({ connection }, id) => await connection['update']!({ where: { id: PAGE + (id % PAGE), orgId: 'single' }, data: { botToken: TOKEN } }) },
  findUnique: { times: 50, call: async ({ connection }, id) => await connection['findUnique']!({ where: { id: PAGE + (id % PAGE) } }) },
  [`findMany ${PAGE}, written together`]: { times: 10, call: async ({ connection }) => await connection['findMany']!({ where: { orgId: 'together' } }) },
  [`findMany ${PAGE}, written one by one`]: { times: 10, call: async ({ connection }) => await connection['findMany']!({ where: { orgId: 'single' } }) },
};

export async function columnsPrisma(rounds: number): Promise<Row[]> {
  if (missingForPostgres() !== undefined) return [];
  const server = await startPostgres('fast');
  const { PrismaClient } = await generatedModule();
  const botToken = column(await newRing(), { id: 'connections.bot_token', context: ['org_id'] });
  const clients: GeneratedClient[] = [];
  try {
    const steps: Step[] = [];
    for (const [who, database] of [[LOCKFAST, 'encrypted'], ['bare', 'plain']] as const) {
      server.sql('postgres', `CREATE DATABASE ${database}`);
      server.sql(database, TABLES.postgres);
      const bare = new PrismaClient({ adapter: new PrismaPg({ connectionString: server.url('postgres', database), max: 1 }) });
      const client = (who === LOCKFAST ? bare.$extends(lockfastPrisma({ columns: { Connection: { botToken } } })) : bare) as GeneratedClient;
      clients.push(client);
      await client.organization['createMany']!({ data: ['together', 'single', 'more'].map((id) => ({ id, name: id })) });
      // As rows are that were imported, or encrypted by a job.
      await client.connection['createMany']!({ data: Array.from({ length: PAGE }, (_, i) => ({ id: i, orgId: 'together', botToken: TOKEN })) });
      for (let i = 0; i < PAGE; i++) await client.connection['create']!({ data: { id: PAGE + i, orgId: 'single', botToken: TOKEN } });
      let id = 2 * PAGE;
      for (const [name, { times, call }] of Object.entries(JOBS)) {
        steps.push(async (record) => {
          const start = process.hrtime.bigint();
          for (let i = 0; i < times; i++) await call(client, (id += 1));
          record(title(name), who, Number(process.hrtime.bigint() - start) / 1000 / times);
        });
      }
    }
    const samples = await interleave(steps, rounds, UNRECORDED);
    return Object.keys(JOBS).map((name) => rowOf({ name: title(name), unit: 'µs', contenders: ['bare'] }, samples));
  } finally {
    for (const client of clients) await client.$disconnect();
    await server.stop();
  }
}

function title(name: string): string {
  return `Prisma, ${name}`;
}
