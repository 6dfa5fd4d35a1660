/** MikroORM on each database, as applications make it. */
import { EncryptedHydrator, EncryptionSubscriber } from '@lockfast/columns/mikro-orm';
import type { EntitySchema } from '@mikro-orm/core';
import { MikroORM as MySql } from '@mikro-orm/mysql';
import { MikroORM as PostgreSql, type SqlEntityManager } from '@mikro-orm/postgresql';
import { MikroORM as Sqlite } from '@mikro-orm/sqlite';

import type { DatabasePlace } from '../contract/harness.ts';

export interface OpenOrm {
  readonly em: SqlEntityManager;
  close(): Promise<void>;
}

export async function openOrm({ kind, url }: DatabasePlace, entities: readonly EntitySchema[], log: (line: string) => void, encryption: EncryptionSubscriber = new EncryptionSubscriber()): Promise<OpenOrm> {
  const options = { entities: [...entities], hydrator: EncryptedHydrator, subscribers: [encryption], debug: true, logger: log, colors: false };
  const makers = {
    postgres: async () => await PostgreSql.init({ ...options, clientUrl: url }),
    mariadb: async () => await MySql.init({ ...options, clientUrl: url }),
    sqlite: async () => await Sqlite.init({ ...options, dbName: url }),
  };
  const orm = await makers[kind]();
  return { em: orm.em as unknown as SqlEntityManager, close: async () => await orm.close() };
}
