/** Drizzle on MariaDB: the tables, and the adapter for the contract. */
import { boundColumnType, type BoundValuesOf, columnType, decryptRow, decryptRows, encryptChanges, encryptRow, encryptRows, type ValuesOf } from '@lockfast/columns/drizzle';
import { asc, eq, isNull } from 'drizzle-orm';
import { customType, int, longtext, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2';
import { createPool } from 'mysql2/promise';

import type { AdapterUnderTest, ContractColumns, ContractSession } from '../contract/harness.ts';

const NO_RELATIONS = 'Drizzle has none';

export const DRIZZLE_MARIADB: AdapterUnderTest = {
  name: 'Drizzle',
  databases: {
    mariadb: {
      'nested-writes': NO_RELATIONS,
      'refuses-filters': 'a column type is not asked about an order; conditions: drizzle.test.ts',
      'adds-context-columns': 'what is read is what was selected',
    },
  },
  open: ({ url }, columns, log) => {
    const tables = mariadbTables(columns);
    const pool = createPool(url);
    const db = drizzle(pool, { logger: { logQuery: (query, params) => log(`${query} -- ${params.map(String).join(', ')}`) } });
    return Promise.resolve({ ...sessionOn(db, tables), close: async () => await pool.end() });
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

function sessionOn(db: Database, tables: Tables): ContractSession {
  const { organizations, connections } = tables;
  const find: ContractSession['find'] = async (id) => {
    const [row] = await db.select().from(connections).where(eq(connections.id, id));
    return decryptRow(connections, row ?? null);
  };
  return {
    insertOrganization: async (row) => {
      await db.insert(organizations).values(row);
    },
    insert: async (row) => {
      await db.insert(connections).values(encryptRow(connections, row));
      return (await find(row.id))!;
    },
    insertMany: async (rows) => {
      await db.insert(connections).values(encryptRows(connections, rows));
    },
    find,
    findMany: async (orgId) => decryptRows(connections, await db.select().from(connections).where(eq(connections.orgId, orgId)).orderBy(connections.id)),
    findToken: async (id) => {
      const [row] = await db.select({ botToken: connections.botToken }).from(connections).where(eq(connections.id, id));
      return decryptRow(connections, row ?? null);
    },
    findOrganization: async (id) => {
      const rows = await db.select().from(organizations).leftJoin(connections, eq(connections.orgId, organizations.id)).where(eq(organizations.id, id));
      const [first] = rows;
      return first === undefined ? null : { ...first.organizations, connections: rows.flatMap((row) => (row.connections === null ? [] : [decryptRow(connections, row.connections)])) };
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
        .onDuplicateKeyUpdate({ set: encryptChanges(connections, changes, row) });
    },
    delete: async (id) => {
      await db.delete(connections).where(eq(connections.id, id));
    },
    findByToken: async (botToken) => await db.select().from(connections).where(eq(connections.botToken, botToken as never)),
    orderByToken: async () => await db.select().from(connections).orderBy(asc(connections.botToken)),
    findWithoutToken: async () => decryptRows(connections, await db.select().from(connections).where(isNull(connections.botToken))),
    insertNested: () => Promise.reject(new Error(NO_RELATIONS)),
    transaction: async (work) => await db.transaction(async (inner) => await work(sessionOn(inner, tables))),
  };
}
