/** The same tests on every kind of database. */
import { afterAll, beforeAll, describe } from 'vitest';

import type { DatabaseUnderTest } from './database-under-test.ts';
import { MARIADB } from './mariadb.ts';
import { POSTGRES } from './postgres.ts';
import { SQLITE, SQLITE_ROLLBACK } from './sqlite.ts';

const DATABASES: readonly DatabaseUnderTest[] = [POSTGRES, MARIADB, SQLITE, SQLITE_ROLLBACK];

/** Once in a test file. Each kind is started, tested and stopped before the next. */
export function onEachDatabase(tests: (under: DatabaseUnderTest) => void): void {
  onDatabases(DATABASES, tests);
}

/** On those that have a server, whose connections can be cut. */
export function onEachServer(tests: (under: DatabaseUnderTest, server: NonNullable<DatabaseUnderTest['server']>) => void): void {
  onDatabases(
    DATABASES.filter(({ server }) => server !== undefined),
    (under) => tests(under, under.server!),
  );
}

function onDatabases(databases: readonly DatabaseUnderTest[], tests: (under: DatabaseUnderTest) => void): void {
  for (const under of databases) {
    const { name, missing } = under;
    describe.skipIf(missing !== undefined)(`on ${name}${missing === undefined ? '' : ` (${missing})`}`, () => {
      beforeAll(async () => {
        if (missing === undefined) await under.start();
      }, 60_000);
      afterAll(async () => {
        if (missing === undefined) await under.stop();
      }, 30_000);
      tests(under);
    });
  }
}
