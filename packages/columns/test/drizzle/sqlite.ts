/** Drizzle on SQLite, over Node's own: the tables, and the adapter for the contract. */
import { DatabaseSync } from 'node:sqlite';

import { boundColumnType, type BoundValuesOf, columnType, decryptRow, encryptChanges, encryptRow, type ValuesOf } from '@lockfast/columns/drizzle';
import { eq } from 'drizzle-orm';
import { customType, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { drizzle, type SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy';

import type { AdapterUnderTest, ContractColumns, ContractSession } from '../contract/harness.ts';
import { LACKS, sessionOn } from './session.ts';

export const DRIZZLE_SQLITE: AdapterUnderTest = {
  name: 'Drizzle',
  databases: {
    sqlite: {
      ...LACKS,
      'transactions-at-once': 'it has one connection',
    },
  },
  open: ({ url }, columns, log) => {
    const tables = sqliteTables(columns);
    const client = new DatabaseSync(url);
    const db = drizzle(
      (sql, parameters, method) => {
        const statement = client.prepare(sql);
        statement.setReturnArrays(true);
        const rows = statement.all(...(parameters as string[]));
        return Promise.resolve({ rows: method === 'get' ? (rows[0] as unknown as unknown[]) : rows });
      },
      { logger: { logQuery: (query, params) => log(`${query} -- ${params.map(String).join(', ')}`) } },
    );
    return Promise.resolve({ ...session(db, tables), close: () => Promise.resolve(client.close()) });
  },
};

type Tables = ReturnType<typeof sqliteTables>;
type Database = Pick<SqliteRemoteDatabase, 'select' | 'insert' | 'update' | 'delete' | 'transaction'>;

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
function sqliteTables({ signingKey, botToken, certificate, settings, recoveryCode }: ContractColumns) {
  const organizations = sqliteTable('organizations', {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    signingKey: customType<ValuesOf<typeof signingKey>>(columnType(signingKey))('signing_key'),
  });
  const connections = sqliteTable('connections', {
    id: integer('id').primaryKey(),
    orgId: text('org_id').notNull(),
    label: text('label'),
    botToken: customType<BoundValuesOf<typeof botToken>>(boundColumnType(botToken))('bot_token'),
    certificate: customType<BoundValuesOf<typeof certificate>>(boundColumnType(certificate, 'blob'))('certificate'),
    settings: customType<BoundValuesOf<typeof settings>>(boundColumnType(settings))('settings'),
    recoveryCode: customType<ValuesOf<typeof recoveryCode>>(columnType(recoveryCode))('recovery_code'),
  });
  return { organizations, connections };
}

function session(database: Database, tables: Tables): ContractSession {
  const { organizations, connections } = tables;
  return sessionOn(database, tables, (db) => ({
    insert: async (row) => {
      const [inserted] = await db.insert(connections).values(encryptRow(connections, row)).returning();
      return decryptRow(connections, inserted!);
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
        .onConflictDoUpdate({ target: connections.id, set: encryptChanges(connections, changes, row) });
    },
  }));
}
