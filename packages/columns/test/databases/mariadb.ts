import { type MariadbServer, missingForMariadb, startMariadb } from '@lockfast/testkit';
import { onTestFinished } from 'vitest';

import { openColumns } from './open-columns.ts';
import type { DatabaseUnderTest, TestDatabase } from './database-under-test.ts';
import { openSession } from './session.ts';

const JOBS = 'lockfast_column_jobs';
/** Jobs are `owner`, applications `app`: so those of jobs alone can be cut. */
const ROLES = ['owner', 'app'] as const;

let server: MariadbServer;
let databases = 0;

export const MARIADB: DatabaseUnderTest = {
  name: 'MariaDB',
  missing: missingForMariadb(),
  types: { text: 'longtext', binary: 'longblob', json: 'json' },
  anotherName: '`t`',
  server: {
    protocol: 'mysql',
    get port() {
      return server.port;
    },
    restart: async (mode, down) => await server.restart(mode, down),
  },
  share: 3,
  start: async () => {
    server = await startMariadb('fast');
    for (const role of ROLES) server.sql('mysql', `CREATE USER ${role}@'%'`);
  },
  stop: async () => await server.stop(),
  aDatabase: (setUp) => {
    const name = `columns_${(databases += 1)}`;
    server.sql('mysql', `CREATE DATABASE ${name}`);
    for (const role of ROLES) server.sql('mysql', `GRANT ALL ON ${name}.* TO ${role}@'%'`);
    return aMariadbDatabase(server, name, setUp);
  },
  series: (to) => `(SELECT seq AS n FROM seq_1_to_${to}) s`,
};

export function theMariadb(): MariadbServer {
  return server;
}

function aMariadbDatabase(of: MariadbServer, name: string, setUp: string): TestDatabase {
  if (setUp !== '') of.sql(name, setUp);
  return {
    url: of.url('owner', name),
    sql: (text) => of.sql(name, text),
    open: async (url = of.url('owner', name)) => {
      const database = await openColumns(url);
      onTestFinished(async () => await database.close());
      return database;
    },
    session: async () => {
      const session = await openSession(of.url('app', name));
      onTestFinished(async () => await session.close().catch(() => {}));
      return session;
    },
    rows: (column = 'secret') => {
      const lines = of.sql(name, `SELECT json_array(id, org, ${column}) FROM t ORDER BY id`);
      return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line) as [number, string | null, string | null]);
    },
    cutJobs: () => {
      const ids = of.sql(name, `SELECT id FROM information_schema.processlist WHERE user = 'owner' AND db = '${name}'`);
      for (const id of ids === '' ? [] : ids.split('\n')) {
        try {
          of.sql(name, `KILL ${id}`);
        } catch {
          // It ended by itself.
        }
      }
    },
    checkpoints: () => {
      const kept = of.sql(name, `SELECT count(*) FROM information_schema.tables WHERE table_schema = '${name}' AND table_name = '${JOBS}'`);
      return kept === '0' ? 0 : Number(of.sql(name, `SELECT count(*) FROM ${JOBS}`));
    },
    forgetJobs: () => void of.sql(name, `DROP TABLE IF EXISTS ${JOBS}`),
  };
}
