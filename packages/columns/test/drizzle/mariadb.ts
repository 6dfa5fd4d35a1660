/** Drizzle on MariaDB: the tables, and the adapter for the contract. */
import { boundColumnType, type BoundValuesOf, columnType, decryptRow, encryptChanges, encryptRow, type ValuesOf } from '@lockfast/columns/drizzle';
import { eq } from 'drizzle-orm';
import { customType, int, longtext, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool } from 'mysql2/promise';

import type { AdapterUnderTest, ContractColumns, ContractSession } from '../contract/harness.ts';
import { LACKS, sessionOn } from './session.ts';

export const DRIZZLE_MARIADB: AdapterUnderTest = {
  name: 'Drizzle',
  databases: { mariadb: LACKS },
  open: ({ url }, columns, log) => {
    const tables = mariadbTables(columns);
    const pool = createPool(url);
    const db = drizzle(pool, { logger: { logQuery: (query, params) => log(`${query} -- ${params.map(String).join(', ')}`) } });
    return Promise.resolve({ ...session(db, tables), close: async () => await pool.end() });
  },
};

type Tables = ReturnType<typeof mariadbTables>;
type Database = Pick<MySql2Database, 'select' | 'insert' | 'update' | 'delete' | 'transaction'>;

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
function mariadbTables({ signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns) {
  const organizations = mysqlTable('organizations', {
    id: varchar('id', { length: 64 }).primaryKey(),
    name: longtext('name').notNull(),
    signingKey: customType<ValuesOf<typeof signingKey>>(columnType(signingKey, 'longtext'))('signing_key'),
  });
  const connections = mysqlTable('connections', {
    id: int('id').primaryKey(),
    orgId: varchar('org_id', { length: 64 }).notNull(),
    label: longtext('label'),
    botToken: customType<BoundValuesOf<typeof botToken>>(boundColumnType(botToken, 'longtext'))('bot_token'),
    certificate: customType<BoundValuesOf<typeof certificate>>(boundColumnType(certificate, 'longblob'))('certificate'),
    settings: customType<BoundValuesOf<typeof settings>>(boundColumnType(settings, 'longtext'))('settings'),
    recoveryCode: customType<ValuesOf<typeof recoveryCode>>(columnType(recoveryCode, 'longtext'))('recovery_code'),
  });
  return { organizations, connections };
}

function session(database: Database, tables: Tables): ContractSession {
  const { organizations, connections } = tables;
  return sessionOn(database, tables, (db, { find }) => ({
    insert: async (row) => {
      await db.insert(connections).values(encryptRow(connections, row));
      return (await find(row.id))!;
    },
    findOrganization: async (id) => {
      const rows = await db.select().from(organizations).leftJoin(connections, eq(connections.orgId, organizations.id)).where(eq(organizations.id, id));
      const [first] = rows;
      return first === undefined ? null : { ...first.organizations, connections: rows.flatMap((row) => (row.connections === null ? [] : [decryptRow(connections, row.connections)])) };
    },
    upsert: async (row, changes) => {
      await db
        .insert(connections)
        .values(encryptRow(connections, row))
        .onDuplicateKeyUpdate({ set: encryptChanges(connections, changes, row) });
    },
  }));
}
