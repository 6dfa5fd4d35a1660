import { encryptChanges, protectDataSource } from '@lockfast/columns/typeorm';
import { AbstractLogger, DataSource, type DataSourceOptions, type EntityManager, IsNull, type LogMessage, type QueryDeepPartialEntity } from 'typeorm';

import type { AdapterUnderTest, ConnectionRow, ContractColumns, ContractSession, DatabasePlace } from '../contract/harness.ts';
import { type Connection, contractEntities } from './entities.ts';

const LACKS = {
  upsert: 'one that inserts something else than it changes: TypeORM has none; its own: typeorm.test.ts',
  'adds-context-columns': 'what is read is what was selected',
} as const;

export const TYPEORM: AdapterUnderTest = {
  name: 'TypeORM',
  databases: {
    postgres: LACKS,
    mariadb: LACKS,
    sqlite: { ...LACKS, 'transactions-at-once': 'it has one connection' },
  },
  open: async (place, columns, log) => {
    const { source, entities } = await openSource(place, columns, log);
    return { ...sessionOn(source.manager, entities), close: async () => await source.destroy() };
  },
};

type Entities = ReturnType<typeof contractEntities>;

export async function openSource(place: DatabasePlace, columns: ContractColumns, log: (line: string) => void): Promise<{ source: DataSource; entities: Entities }> {
  const entities = contractEntities(columns, place.kind);
  const source = new DataSource({ ...optionsOf(place), entities: Object.values(entities), logger: new LineLogger(log) });
  await source.initialize();
  protectDataSource(source);
  return { source, entities };
}

export function optionsOf({ kind, url }: DatabasePlace): DataSourceOptions {
  return { postgres: { type: 'postgres', url }, mariadb: { type: 'mariadb', url }, sqlite: { type: 'better-sqlite3', database: url } }[kind] as DataSourceOptions;
}

class LineLogger extends AbstractLogger {
  readonly #log: (line: string) => void;

  constructor(log: (line: string) => void) {
    super('all');
    this.#log = log;
  }

  protected override writeLog(_level: string, message: LogMessage | string | number | (LogMessage | string | number)[]): void {
    for (const one of this.prepareLogMessages(message, { highlightSql: false, appendParameterAsComment: true })) this.#log(String(one.message));
  }
}

function sessionOn(manager: EntityManager, entities: Entities): ContractSession {
  const connections = manager.getRepository(entities.connections);
  const organizations = manager.getRepository(entities.organizations);
  return {
    insertOrganization: async (row) => {
      await organizations.insert(row);
    },
    insert: async (row) => {
      // save() would update the row that is there.
      await connections.insert(partial({ ...row }));
      return await connections.findOneByOrFail({ id: row.id }) as ConnectionRow;
    },
    insertMany: async (rows) => {
      await connections.insert(rows.map(partial));
    },
    find: async (id) => (await connections.findOneBy({ id })) as ConnectionRow | null,
    findMany: async (orgId) => (await connections.find({ where: { orgId }, order: { id: 'ASC' } })) as ConnectionRow[],
    findToken: async (id) => await connections.findOne({ where: { id }, select: { botToken: true } }),
    findOrganization: async (id) => (await organizations.findOne({ where: { id }, relations: { connections: true } })) as Awaited<ReturnType<ContractSession['findOrganization']>>,
    update: async ({ id, orgId }, changes) => {
      await connections.update({ id, orgId }, encryptChanges(connections, partial(changes), { orgId }));
    },
    updateMany: async (orgId, changes) => {
      await connections.update({ orgId }, encryptChanges(connections, partial(changes), { orgId }));
    },
    upsert: () => Promise.reject(new Error('TypeORM has no such upsert')),
    delete: async (id) => {
      await connections.delete({ id });
    },
    findByToken: async (botToken) => await connections.findBy({ botToken }),
    orderByToken: async () => await connections.find({ order: { botToken: 'ASC' } }),
    findWithoutToken: async () => (await connections.findBy({ botToken: IsNull() })) as ConnectionRow[],
    insertNested: async (row, nested) => {
      await organizations.save({ ...row, connections: nested as Connection[] });
    },
    transaction: async (work) => await manager.transaction(async (inner) => await work(sessionOn(inner, entities))),
  };
}

/** Its types know no value that may be any JSON. */
export function partial(row: object): QueryDeepPartialEntity<Connection> {
  return row;
}
