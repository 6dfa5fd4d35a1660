import { PrismaPg } from '@prisma/adapter-pg';

import type { JsonValue } from '@lockfast/columns';
import { lockfastPrisma } from '@lockfast/columns/prisma';

import type { ConnectionChanges, ConnectionRow, ContractColumns, ContractSession, NewConnection, OpenSession, OrganizationRow } from '../../contract/harness.ts';
import { type GeneratedClient, generatedModule, type GeneratedModule } from './generated-client.ts';

export async function openPrisma(url: string, columns: ContractColumns, log: (line: string) => void): Promise<OpenSession> {
  const module = await generatedModule();
  const client = new module.PrismaClient({ adapter: new PrismaPg({ connectionString: url }), log: [{ emit: 'event', level: 'query' }] });
  client.$on('query', ({ query, params }) => log(`${query} ${params}`));
  const { signingKey, ...others } = columns;
  const extended = client.$extends(lockfastPrisma({ columns: { Organization: { signingKey }, Connection: { ...others } } })) as GeneratedClient;
  return { ...session(extended, module), close: async () => await client.$disconnect() };
}

function session(client: GeneratedClient, module: GeneratedModule): ContractSession {
  const { connection, organization } = client;
  // In a JSON column, null may mean two things: Prisma asks which.
  const settingsOf = (settings: JsonValue | undefined): unknown => (settings === null ? module.Prisma.DbNull : settings);
  const dataOf = <T extends ConnectionChanges>(row: T): object => ({ ...row, settings: settingsOf(row.settings) });
  return {
    insertOrganization: async (row) => void (await organization['create']!({ data: row })),
    insert: async (row) => (await connection['create']!({ data: dataOf(row) })) as ConnectionRow,
    insertMany: async (rows) => void (await connection['createMany']!({ data: rows.map(dataOf) })),
    find: async (id) => (await connection['findUnique']!({ where: { id } })) as ConnectionRow | null,
    findMany: async (orgId) => (await connection['findMany']!({ where: { orgId }, orderBy: { id: 'asc' } })) as ConnectionRow[],
    findToken: async (id) => (await connection['findUnique']!({ where: { id }, select: { botToken: true } })) as { botToken: string | null } | null,
    findOrganization: async (id) => (await organization['findUnique']!({ where: { id }, include: { connections: true } })) as (OrganizationRow & { connections: ConnectionRow[] }) | null,
    update: async ({ id, orgId }, changes) => void (await connection['update']!({ where: { id, orgId }, data: dataOf(changes) })),
    updateMany: async (orgId, changes) => void (await connection['updateMany']!({ where: { orgId }, data: dataOf(changes) })),
    upsert: async (row: NewConnection, changes) => void (await connection['upsert']!({ where: { id: row.id, orgId: row.orgId }, create: dataOf(row), update: dataOf(changes) })),
    delete: async (id) => void (await connection['delete']!({ where: { id } })),
    findByToken: async (botToken) => await connection['findMany']!({ where: { botToken } }),
    orderByToken: async () => await connection['findMany']!({ orderBy: { botToken: 'asc' } }),
    findWithoutToken: async () => (await connection['findMany']!({ where: { botToken: null } })) as ConnectionRow[],
    insertNested: async (row, connections) => void (await organization['create']!({ data: { ...row, connections: { create: connections.map(dataOf) } } })),
    transaction: async <T>(work: (inner: ContractSession) => Promise<T>) => (await client.$transaction(async (inner) => await work(session(inner as GeneratedClient, module)))) as T,
  };
}
