import { PrismaPg } from '@prisma/adapter-pg';
import { Client } from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';

import { column } from '@lockfast/columns';
import { lockfastPrisma, type LockfastPrisma, type ProtectedColumns } from '@lockfast/columns/prisma';
import type { KeyRing } from '@lockfast/core/keyring';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';

import { strictColumns } from '../../contract/columns.ts';
import { TABLES } from '../../contract/tables.ts';
import { heldRing } from '../../held-ring.ts';
import { type GeneratedClient, generatedModule, type RawClient } from './generated-client.ts';
import { OWN_TABLES } from './tables.ts';

export const missing = missingForPostgres();

export interface PrismaDatabase {
  readonly ring: KeyRing;
  readonly columns: ProtectedColumns;
  readonly sql: Client;
  /** Without our extension. */
  readonly bare: RawClient;
  /** What Prisma sent to the database, with parameters. */
  readonly logged: string[];
  /** With it. */
  readonly attach: (options?: Partial<LockfastPrisma>, to?: RawClient) => GeneratedClient;
  /** The values of all encrypted fields, by `table.column`, where they are not NULL. */
  readonly stored: () => Promise<[string, string][]>;
}

/** Every field that the tests encrypt. */
function allColumns(ring: KeyRing): ProtectedColumns {
  const { signingKey, ...connection } = strictColumns(ring);
  return {
    Organization: { signingKey },
    Connection: connection,
    Project: { deployKey: column(ring, { id: 'projects.deploy_key', context: ['orgId'] }) },
    Environment: { secret: column(ring, { id: 'environments.secret', context: ['projectId', 'name'] }) },
    Vault: { secret: column(ring, { id: 'vaults.secret', context: ['orgId'] }) },
    Tag: { token: column(ring, { id: 'tags.token' }) },
  };
}

/** One server a file, one database a test. */
export function prismaDatabases(): (clientOptions?: object) => Promise<PrismaDatabase> {
  let server: PostgresServer;
  let ring: KeyRing;
  let databases = 0;
  beforeAll(async () => {
    if (missing !== undefined) return;
    ring = await heldRing('test');
    server = await startPostgres('fast');
  }, 60_000);
  afterAll(async () => {
    if (missing === undefined) await server.stop();
  }, 30_000);

  return async (clientOptions = {}) => {
    const name = `prisma_${(databases += 1)}`;
    server.sql('postgres', `CREATE DATABASE ${name}`);
    const url = server.url('postgres', name);
    const sql = new Client({ connectionString: url });
    await sql.connect();
    await sql.query(TABLES.postgres + OWN_TABLES);
    await sql.query("INSERT INTO organizations (id, name) VALUES ('acme', 'Acme'), ('globex', 'Globex')");
    const { PrismaClient } = await generatedModule();
    const bare = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }), log: [{ emit: 'event', level: 'query' }], ...clientOptions });
    const logged: string[] = [];
    bare.$on('query', ({ query, params }) => logged.push(`${query} ${params}`));
    onTestFinished(async () => {
      await bare.$disconnect();
      await sql.end();
    });
    const columns = allColumns(ring);
    return {
      ring,
      columns,
      sql,
      bare,
      logged,
      attach: (options = {}, to = bare) => to.$extends(lockfastPrisma({ columns, ...options })) as GeneratedClient,
      stored: async () => {
        const { rows } = await sql.query<{ place: string; value: string }>(`
          SELECT 'organizations.signing_key' AS place, signing_key AS value FROM organizations
          UNION ALL SELECT 'connections.bot_token', bot_token FROM connections
          UNION ALL SELECT 'projects.deploy_key', "deployKey" FROM "Project"
          UNION ALL SELECT 'environments.secret', secret FROM "Environment"
          UNION ALL SELECT 'vaults.secret', secret FROM "Vault"
          UNION ALL SELECT 'tags.token', token FROM "Tag"`);
        return rows.flatMap(({ place, value }): [string, string][] => (value === null ? [] : [[place, value]]));
      },
    };
  };
}
