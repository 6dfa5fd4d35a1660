import type { RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/postgresql';

import type { AdapterUnderTest, ConnectionChanges, ConnectionRow, ContractSession, Lacks, NewConnection } from '../contract/harness.ts';
import { openOrm } from './connect.ts';
import { Connection, contractEntities, Organization } from './entities.ts';

const lacks: Lacks = {
  upsert: 'em.upsert does not tell the row to anybody: it is refused, mikro-orm.test.ts',
  'adds-context-columns': 'what is read is what was asked for',
};

export const MIKRO_ORM: AdapterUnderTest = {
  name: 'MikroORM',
  databases: { postgres: lacks, mariadb: lacks, sqlite: { ...lacks, 'transactions-at-once': 'MikroORM has one connection to SQLite' } },
  open: async (place, columns, log) => {
    const orm = await openOrm(place, contractEntities(place.kind, columns), log);
    return { ...sessionOn(() => orm.em.fork()), close: async () => await orm.close() };
  },
};

/** @param fresh an entity manager for one piece of work, as a request has one */
function sessionOn(fresh: () => SqlEntityManager): ContractSession {
  const find: ContractSession['find'] = async (id) => rowOf(await fresh().findOne(Connection, { id }));
  const change = async (where: { id: number } | { organization: string }, changes: ConnectionChanges): Promise<void> => {
    const em = fresh();
    const { orgId, ...rest } = changes;
    for (const connection of await em.find(Connection, where)) em.assign(connection, { ...withoutUndefined(rest), ...(orgId === undefined ? {} : { organization: orgId }) });
    await em.flush();
  };
  return {
    insertOrganization: async (row) => {
      const em = fresh();
      em.create(Organization, row);
      await em.flush();
    },
    insert: async (row) => {
      const em = fresh();
      const connection = em.create(Connection, dataOf(row));
      await em.flush();
      return rowOf(connection)!;
    },
    insertMany: async (rows) => {
      const em = fresh();
      for (const row of rows) em.create(Connection, dataOf(row));
      await em.flush();
    },
    find,
    findMany: async (orgId) => (await fresh().find(Connection, { organization: orgId }, { orderBy: { id: 'asc' } })).map((one) => rowOf(one)!),
    findToken: async (id) => {
      const found = await fresh().findOne(Connection, { id }, { fields: ['botToken'] });
      return found === null ? null : { botToken: found.botToken ?? null };
    },
    findOrganization: async (id) => {
      const found = await fresh().findOne(Organization, { id }, { populate: ['connections'] });
      if (found === null) return null;
      return { id: found.id, name: found.name, signingKey: found.signingKey ?? null, connections: found.connections.getItems().map((one) => rowOf(one)!) };
    },
    update: async ({ id }, changes) => await change({ id }, changes),
    updateMany: async (orgId, changes) => await change({ organization: orgId }, changes),
    upsert: () => Promise.reject(new Error('refused')),
    delete: async (id) => void (await fresh().nativeDelete(Connection, { id })),
    findByToken: async (botToken) => await fresh().find(Connection, { botToken }),
    orderByToken: async () => await fresh().find(Connection, {}, { orderBy: { botToken: 'asc' } }),
    findWithoutToken: async () => (await fresh().find(Connection, { botToken: null })).map((one) => rowOf(one)!),
    insertNested: async (row, connections) => {
      const em = fresh();
      em.create(Organization, { ...row, connections: connections.map((one) => ({ ...one, certificate: one.certificate ?? null })) } as RequiredEntityData<Organization>);
      await em.flush();
    },
    transaction: async (work) => await fresh().transactional(async (em) => await work(sessionOn(() => em.fork({ keepTransactionContext: true })))),
  };
}

function dataOf({ orgId, ...row }: NewConnection): RequiredEntityData<Connection> {
  return { ...row, organization: orgId };
}

function rowOf(connection: Connection | null): ConnectionRow | null {
  if (connection === null) return null;
  const { id, organization, label = null, botToken = null, certificate = null, settings = null, recoveryCode = null } = connection;
  return { id, orgId: organization.id, label, botToken, certificate, settings, recoveryCode };
}

function withoutUndefined(changes: object): object {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}
