import { aDatabase, missing, startServer, stopServer, theServer } from '../jobs/postgres/a-database.ts';
import type { DatabaseUnderTest } from './database-under-test.ts';

export const POSTGRES: DatabaseUnderTest = {
  name: 'PostgreSQL',
  missing,
  types: { text: 'text', binary: 'bytea', json: 'jsonb' },
  anotherName: 'public."t"',
  server: {
    protocol: 'postgres',
    get port() {
      return theServer().port;
    },
    restart: async (mode, down) => await theServer().restart(mode, down),
  },
  share: 1,
  start: startServer,
  stop: stopServer,
  aDatabase,
  series: (to) => `generate_series(1, ${to}) s(n)`,
};
