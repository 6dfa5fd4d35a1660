/** The session of the contract on Drizzle, but for what its dialects differ in. */
import { decryptRow, decryptRows, encryptChanges, encryptRows } from '@lockfast/columns/drizzle';
import { asc, eq, isNull } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';

import type { ContractSession } from '../contract/harness.ts';
import type { contractTables } from './tables.ts';

const NO_RELATIONS = 'Drizzle has none';

/** What Drizzle lacks on every database. */
export const LACKS = {
  'nested-writes': NO_RELATIONS,
  'refuses-filters': 'a column type is not asked about an order; conditions: drizzle.test.ts',
  'adds-context-columns': 'what is read is what was selected',
} as const;

type Tables = Pick<ReturnType<typeof contractTables>, 'organizations' | 'connections'>;
type Database = Pick<NodePgDatabase, 'select' | 'insert' | 'update' | 'delete' | 'transaction'>;

type Finding = Pick<ContractSession, 'find'>;
type OwnCalls = Pick<ContractSession, 'insert' | 'upsert' | 'findOrganization'>;

/**
 * @param database of any dialect: the calls below are the same in all, which their types do not say
 * @param own what it does with a database, or a transaction, in its own way
 */
export function sessionOn<D extends object>(database: D, tables: Readonly<Record<keyof Tables, object>>, own: (db: D, shared: Finding) => OwnCalls): ContractSession {
  const db = database as unknown as Database;
  const { organizations, connections } = tables as Tables;
  const find: ContractSession['find'] = async (id) => {
    const [row] = await db.select().from(connections).where(eq(connections.id, id));
    return decryptRow(connections, row ?? null);
  };
  return {
    ...own(database, { find }),
    insertOrganization: async (row) => {
      await db.insert(organizations).values(row);
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
    update: async ({ id, orgId }, changes) => {
      await db.update(connections).set(encryptChanges(connections, changes, { orgId })).where(eq(connections.id, id));
    },
    updateMany: async (orgId, changes) => {
      await db.update(connections).set(encryptChanges(connections, changes, { orgId })).where(eq(connections.orgId, orgId));
    },
    delete: async (id) => {
      await db.delete(connections).where(eq(connections.id, id));
    },
    findByToken: async (botToken) => await db.select().from(connections).where(eq(connections.botToken, botToken as never)),
    orderByToken: async () => await db.select().from(connections).orderBy(asc(connections.botToken)),
    findWithoutToken: async () => decryptRows(connections, await db.select().from(connections).where(isNull(connections.botToken))),
    insertNested: () => Promise.reject(new Error(NO_RELATIONS)),
    transaction: async (work) => await db.transaction(async (inner) => await work(sessionOn(inner as unknown as D, tables, own))),
  };
}
