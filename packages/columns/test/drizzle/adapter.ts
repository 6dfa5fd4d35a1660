import { decryptRow, decryptRows, encryptChanges, encryptRow, encryptRows } from '@lockfast/columns/drizzle';
import { asc, eq, isNull } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';

import type { AdapterUnderTest, ContractSession } from '../contract/harness.ts';
import { contractTables } from './tables.ts';

type Tables = ReturnType<typeof contractTables>;
type Database = NodePgDatabase<Tables> | Parameters<Parameters<NodePgDatabase<Tables>['transaction']>[0]>[0];

export const DRIZZLE: AdapterUnderTest = {
  name: 'Drizzle',
  databases: {
    postgres: {
      'nested-writes': 'Drizzle has none',
      'refuses-filters': 'a column type is not asked about an order; conditions: drizzle.test.ts',
      'adds-context-columns': 'what is read is what was selected',
    },
  },
  open: ({ url }, columns, log) => {
    const tables = contractTables(columns);
    const pool = new Pool({ connectionString: url });
    const db = drizzle(pool, { schema: tables, logger: { logQuery: (query, params) => log(`${query} -- ${params.map(String).join(', ')}`) } });
    return Promise.resolve({ ...sessionOn(db, tables), close: async () => await pool.end() });
  },
};

function sessionOn(db: Database, tables: Tables): ContractSession {
  const { organizations, connections } = tables;
  return {
    insertOrganization: async (row) => {
      await db.insert(organizations).values(row);
    },
    insert: async (row) => {
      const [inserted] = await db.insert(connections).values(encryptRow(connections, row)).returning();
      return decryptRow(connections, inserted!);
    },
    insertMany: async (rows) => {
      await db.insert(connections).values(encryptRows(connections, rows));
    },
    find: async (id) => {
      const [row] = await db.select().from(connections).where(eq(connections.id, id));
      return decryptRow(connections, row ?? null);
    },
    findMany: async (orgId) => decryptRows(connections, await db.select().from(connections).where(eq(connections.orgId, orgId)).orderBy(connections.id)),
    findToken: async (id) => {
      const [row] = await db.select({ botToken: connections.botToken }).from(connections).where(eq(connections.id, id));
      return decryptRow(connections, row ?? null);
    },
    findOrganization: async (id) => {
      const found = await db.query.organizations.findFirst({ where: eq(organizations.id, id), with: { connections: true } });
      return found === undefined ? null : { ...found, connections: decryptRows(connections, found.connections) };
    },
    update: async ({ id, orgId }, changes) => {
      await db.update(connections).set(encryptChanges(connections, changes, { orgId })).where(eq(connections.id, id));
    },
    updateMany: async (orgId, changes) => {
      await db.update(connections).set(encryptChanges(connections, changes, { orgId })).where(eq(connections.orgId, orgId));
    },
    upsert: async (row, changes) => {
      await db
        .insert(connections)
        .values(encryptRow(connections, row))
        .onConflictDoUpdate({ target: connections.id, set: encryptChanges(connections, changes, row) });
    },
    delete: async (id) => {
      await db.delete(connections).where(eq(connections.id, id));
    },
    findByToken: async (botToken) => await db.select().from(connections).where(eq(connections.botToken, botToken as never)),
    orderByToken: async () => await db.select().from(connections).orderBy(asc(connections.botToken)),
    findWithoutToken: async () => decryptRows(connections, await db.select().from(connections).where(isNull(connections.botToken))),
    insertNested: () => Promise.reject(new Error('Drizzle has no nested writes')),
    transaction: async (work) => await db.transaction(async (inner) => await work(sessionOn(inner, tables))),
  };
}
