import { protectSequelize } from '@lockfast/columns/sequelize';
import { type Model, Sequelize, type Transaction } from 'sequelize';

import type { AdapterUnderTest, ConnectionChanges, ConnectionRow, ContractColumns, ContractSession, DatabasePlace, OpenSession } from '../contract/harness.ts';
import { contractModels, type Models } from './models.ts';

const LACKS = {
  upsert: 'one that inserts something else than it changes: Sequelize has none; its own: sequelize.test.ts',
  'adds-context-columns': 'what is read is what was selected',
} as const;

export const SEQUELIZE: AdapterUnderTest = {
  name: 'Sequelize',
  databases: { postgres: LACKS, mariadb: LACKS },
  open: (place, columns, log) => {
    const { sequelize, models } = openSequelize(place, columns, log);
    protectSequelize(sequelize);
    return Promise.resolve<OpenSession>({ ...sessionOn(sequelize, models), close: async () => await sequelize.close() });
  },
};

export function openSequelize({ kind, url }: DatabasePlace, columns: ContractColumns, log: (line: string) => void): { sequelize: Sequelize; models: Models } {
  if (kind === 'sqlite') throw new Error('needs the package sqlite3, which is built from source');
  const sequelize = new Sequelize(url, { dialect: kind === 'postgres' ? 'postgres' : 'mysql', logging: (line) => log(line), logQueryParameters: true });
  return { sequelize, models: contractModels(sequelize, columns, kind) };
}

function sessionOn(sequelize: Sequelize, models: Models, transaction: Transaction | null = null): ContractSession {
  const { organizations, connections } = models;
  const rowOf = (one: Model): ConnectionRow => one.get({ plain: true }) as ConnectionRow;
  const given = (changes: ConnectionChanges): Record<string, unknown> => Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  return {
    insertOrganization: async (row) => {
      await organizations.create({ ...row }, { transaction });
    },
    insert: async (row) => {
      const created = await connections.create({ ...EMPTY, ...row }, { transaction });
      return rowOf(created);
    },
    insertMany: async (rows) => {
      await connections.bulkCreate(rows.map((row) => ({ ...row })), { transaction });
    },
    find: async (id) => {
      const found = await connections.findByPk(id, { transaction });
      return found === null ? null : rowOf(found);
    },
    findMany: async (orgId) => (await connections.findAll({ where: { orgId }, order: ['id'], transaction })).map(rowOf),
    findToken: async (id) => {
      const found = await connections.findByPk(id, { attributes: ['botToken'], transaction });
      return found === null ? null : rowOf(found);
    },
    findOrganization: async (id) => {
      const found = await organizations.findByPk(id, { include: ['connections'], transaction });
      return (found?.get({ plain: true }) ?? null) as Awaited<ReturnType<ContractSession['findOrganization']>>;
    },
    update: async ({ id, orgId }, changes) => {
      await connections.update(given(changes), { where: { id, orgId }, transaction });
    },
    updateMany: async (orgId, changes) => {
      await connections.update(given(changes), { where: { orgId }, transaction });
    },
    upsert: () => Promise.reject(new Error('Sequelize has no such upsert')),
    delete: async (id) => {
      await connections.destroy({ where: { id }, transaction });
    },
    findByToken: async (botToken) => await connections.findAll({ where: { botToken }, transaction }),
    orderByToken: async () => await connections.findAll({ order: [['botToken', 'ASC']], transaction }),
    findWithoutToken: async () => (await connections.findAll({ where: { botToken: null }, transaction })).map(rowOf),
    insertNested: async (row, nested) => {
      await organizations.create({ ...row, connections: nested }, { include: ['connections'], transaction });
    },
    transaction: async (work) => await sequelize.transaction(async (inner) => await work(sessionOn(sequelize, models, inner))),
  };
}

/** What an instance that was created does not know of. */
const EMPTY = { label: null, botToken: null, certificate: null, settings: null, recoveryCode: null };
