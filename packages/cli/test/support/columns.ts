/** Projects whose columns lie in a real PostgreSQL server: one server for a test file, a database for each test. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';

import { type PostgresServer, startPostgres } from '@lockfast/testkit';
import { afterAll, beforeAll, expect } from 'vitest';

import { type Around, initialisedProject, type Outcome, type Project } from './project.ts';

/** In every place where it must not be, it would be found. */
export const DATABASE_PASSWORD = 'pgcanary-77c0d1e2';

/** Of seeds/001: a control panel with second factors and webhooks. */
export const PANEL = `
[databases.app]
url = "env:DATABASE_URL"

[[columns]]
id = "two_factor.secret"
title = "2FA TOTP Secrets"
database = "app"
table = "two_factor"
column = "secret"
context = ["org"]
label = "username"

[[columns]]
id = "webhook.secret"
title = "Webhook Secrets"
database = "app"
table = "webhook"
column = "secret"
label = "name"
`;

export const PANEL_TABLES = `
CREATE TABLE two_factor (id int PRIMARY KEY, username text NOT NULL, org int NOT NULL, secret text);
CREATE TABLE webhook (id int PRIMARY KEY, name text NOT NULL, secret text);
`;

export interface ColumnProject {
  readonly project: Project;
  /** Of the database, with a password. */
  readonly url: string;
  /** One column of text, a row a line. */
  sql(text: string): string[];
  /** Runs the command with DATABASE_URL. */
  run(args: readonly string[], around?: Around): Promise<Outcome>;
  /** As {@link run}; it must exit with 0. */
  done(args: readonly string[], around?: Around): Promise<Outcome>;
  /** What a command says with --json. */
  json<T>(args: readonly string[], around?: Around): Promise<T>;
}

/** Call it where tests are declared. */
export function columnServer(): { project(tables: string, settings: string): Promise<ColumnProject>; readonly server: PostgresServer } {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await startPostgres('fast');
  }, 60_000);
  afterAll(async () => server?.stop());
  return {
    get server() {
      return server!;
    },
    async project(tables, settings) {
      const name = `app_${randomBytes(6).toString('hex')}`;
      server!.sql('postgres', `CREATE DATABASE ${name}`);
      server!.sql(name, tables);
      const project = await initialisedProject();
      writeFileSync(project.path('lockfast.toml'), `${project.text('lockfast.toml')}\n${settings}`);
      const url = server!.url(`postgres:${DATABASE_PASSWORD}`, name);
      const run = (args: readonly string[], { env = {}, ...around }: Around = {}): Promise<Outcome> => project.run(args, { patience: 60_000, ...around, env: { DATABASE_URL: url, ...env } });
      return {
        project,
        url,
        run,
        sql: (text) => server!.sql(name, text).split('\n'),
        done: async (args, around) => {
          const outcome = await run(args, around);
          expect([outcome.status, outcome.signal], `${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`).toEqual([0, null]);
          return outcome;
        },
        json: async <T>(args: readonly string[], around?: Around): Promise<T> => JSON.parse((await run([...args, '--json'], around)).stdout) as T,
      };
    },
  };
}
