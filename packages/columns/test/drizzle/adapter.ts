import { decryptRow, decryptRows, encryptChanges, encryptRow } from '@lockfast/columns/drizzle';
import { eq } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { Pool } from 'pg';

import type { AdapterUnderTest, ContractSession } from '../contract/harness.ts';
import { LACKS, sessionOn } from './session.ts';
import { contractTables } from './tables.ts';

type Tables = ReturnType<typeof contractTables>;
type Database = NodePgDatabase<Tables> | Parameters<Parameters<NodePgDatabase<Tables>['transaction']>[0]>[0];

export const DRIZZLE: AdapterUnderTest = {
  name: 'Drizzle',
  databases: { postgres: LACKS },
  open: ({ url }, columns, log) => {
    const tables = contractTables(columns);
    const pool = new Pool({ connectionString: url });
    const db = drizzle(pool, { schema: tables, logger: { logQuery: (query, params) => log(`${query} -- ${params.map(String).join(', ')}`) } });
    return Promise.resolve({ ...session(db, tables), close: async () => await pool.end() });
  },
};

function session(database: Database, tables: Tables): ContractSession {
  const { organizations, connections } = tables;
  return sessionOn(database, tables, (db) => ({
    insert: async (row) => {
      const [inserted] = await db.insert(connections).values(encryptRow(connections, row)).returning();
      return decryptRow(connections, inserted!);
    },
    findOrganization: async (id) => {
      const found = await db.query.organizations.findFirst({ where: eq(organizations.id, id), with: { connections: true } });
      return found === undefined ? null : { ...found, connections: decryptRows(connections, found.connections) };
    },
    upsert: async (row, changes) => {
      await db
        .insert(connections)
        .values(encryptRow(connections, row))
        .onConflictDoUpdate({ target: connections.id, set: encryptChanges(connections, changes, row) });
    },
  }));
}
