/** A ledger on a real PostgreSQL server, as an administrator would set it up: an owner, and a role that may append. */
import { onTestFinished } from 'vitest';

import { type PostgresServer, startPostgres } from '@lockfast/testkit';

import { LEDGER_SETTING } from './ledger.ts';
import type { Project } from './project.ts';

/** In every place where it must not be, it would be found. */
export const PG_PASSWORD = 'pgcanary-4e1f77a0';

export interface PostgresLedger {
  readonly server: PostgresServer;
  /** Of the role that appends, with its password. */
  readonly url: string;
  /** Of the owner of the schema. */
  readonly ownerUrl: string;
}

/** The server is stopped when the test ends, at the latest. */
export async function startPostgresLedger(): Promise<PostgresLedger> {
  const server = await startPostgres('fast');
  onTestFinished(async () => server.stop());
  server.sql('postgres', `CREATE ROLE owner LOGIN PASSWORD '${PG_PASSWORD}'`);
  server.sql('postgres', `CREATE ROLE shop LOGIN PASSWORD '${PG_PASSWORD}'`);
  server.sql('postgres', 'CREATE DATABASE shop OWNER owner');
  const url = (role: string): string => server.url(`${role}:${PG_PASSWORD}`, 'shop');
  return { server, url: url('shop'), ownerUrl: url('owner') };
}

/** Lets the project record there. @param setting what lockfast.toml says */
export function useLedger(project: Project, setting: string): void {
  const configuration = project.text('lockfast.toml').replaceAll(/^ledger = .*\n/gm, '');
  project.write('lockfast.toml', LEDGER_SETTING.replace(/".*"/, JSON.stringify(setting)) + configuration, 0o644);
}
