/** The databases that adapters are put to, and the suite's own way into each, past every ORM. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

import { missingForMariadb, missingForPostgres, startMariadb, startPostgres } from '@lockfast/testkit';

import { type DatabaseKind, TABLES } from './tables.ts';

/** One database with the tables of the contract, empty. */
export interface TestDatabase {
  readonly kind: DatabaseKind;
  /** For SQLite, the path of its file. */
  readonly url: string;
  /** One statement, as it is; `TEXT` and the like are strings, bytes are bytes. */
  rows<Row>(sql: string): Promise<Row[]>;
  close(): Promise<void>;
}

/** One a file of tests, since it takes seconds to start. */
export interface DatabaseServer {
  create(): Promise<TestDatabase>;
  stop(): Promise<void>;
}

/** As a clause for the title of a skipped test; undefined where it can be started. */
export function missingForDatabase(kind: DatabaseKind): string | undefined {
  return { postgres: missingForPostgres, mariadb: missingForMariadb, sqlite: () => undefined }[kind]();
}

export function startDatabases(kind: DatabaseKind): Promise<DatabaseServer> {
  return { postgres, mariadb, sqlite }[kind]();
}

/** As SQL writes bytes in that database. */
export function bytesLiteral(kind: DatabaseKind, bytes: Uint8Array): string {
  const hexadecimal = Buffer.from(bytes).toString('hex');
  return kind === 'postgres' ? `'\\x${hexadecimal}'::bytea` : `x'${hexadecimal}'`;
}

async function postgres(): Promise<DatabaseServer> {
  const server = await startPostgres('fast');
  let databases = 0;
  return {
    create: async () => {
      const name = `contract_${(databases += 1)}`;
      server.sql('postgres', `CREATE DATABASE ${name}`);
      const url = server.url('postgres', name);
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query(TABLES.postgres);
      return {
        kind: 'postgres',
        url,
        rows: async <Row>(sql: string) => (await client.query(sql)).rows as Row[],
        close: async () => await client.end(),
      };
    },
    stop: async () => await server.stop(),
  };
}

async function mariadb(): Promise<DatabaseServer> {
  const server = await startMariadb('fast');
  let databases = 0;
  return {
    create: async () => {
      const name = `contract_${(databases += 1)}`;
      server.sql('mysql', `CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
      const url = server.url('root', name);
      const client = await createConnection({ uri: url, multipleStatements: true });
      await client.query(TABLES.mariadb);
      return {
        kind: 'mariadb',
        url,
        rows: async <Row>(sql: string) => (await client.query(sql))[0] as Row[],
        close: async () => await client.end(),
      };
    },
    stop: async () => await server.stop(),
  };
}

function sqlite(): Promise<DatabaseServer> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-contract-'));
  let databases = 0;
  return Promise.resolve({
    create: () => {
      const path = join(directory, `${(databases += 1)}.sqlite`);
      const client = new DatabaseSync(path);
      client.exec(`PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000;${TABLES.sqlite}`);
      return Promise.resolve({
        kind: 'sqlite',
        url: path,
        // Its rows have no prototype.
        rows: <Row>(sql: string) => Promise.resolve(client.prepare(sql).all().map((row) => ({ ...row })) as Row[]),
        close: () => Promise.resolve(client.close()),
      });
    },
    stop: () => Promise.resolve(rmSync(directory, { recursive: true, force: true })),
  });
}
