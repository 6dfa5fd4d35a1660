/** An application's connection to a database under test, by its URL: the programs of these tests have nothing else. */
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

export type SqlValue = string | number | Buffer | null;

export interface Session {
  /** @param text with `?` for each of the values. @returns the rows, their columns in order */
  query(text: string, values?: readonly SqlValue[]): Promise<readonly (readonly unknown[])[]>;
  close(): Promise<void>;
}

export async function openSession(url: string): Promise<Session> {
  if (url.startsWith('sqlite:')) return sqliteSession(url.slice('sqlite:'.length));
  return url.startsWith('postgres:') ? await postgresSession(url) : await mysqlSession(url);
}

/** Whether the database ended a transaction of an application for the sake of another one: it may try again. */
export function isRolledBack(error: unknown): boolean {
  const code = (error as { readonly code?: string }).code ?? '';
  return ['40P01', '40001', 'ER_LOCK_DEADLOCK'].includes(code);
}

async function postgresSession(url: string): Promise<Session> {
  const client = new Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  return {
    query: async (text, values = []) => {
      let n = 0;
      const answer = await client.query<unknown[]>({ text: text.replaceAll('?', () => `$${(n += 1)}`), rowMode: 'array', ...(values.length === 0 ? {} : { values: [...values] }) });
      return answer.rows;
    },
    close: async () => await client.end(),
  };
}

async function mysqlSession(url: string): Promise<Session> {
  const connection = await createConnection({ uri: url, rowsAsArray: true });
  connection.on('error', () => {});
  return {
    query: async (text, values = []) => {
      const [rows] = await connection.query(text, [...values]);
      return Array.isArray(rows) ? (rows as unknown[][]) : [];
    },
    close: async () => await connection.end(),
  };
}

function sqliteSession(path: string): Session {
  const database = new DatabaseSync(path, { timeout: 30_000, returnArrays: true });
  database.exec('PRAGMA synchronous = FULL');
  return {
    query: async (text, values = []) => {
      // Others in this process have their turn.
      await nextTurn();
      return database.prepare(text).all(...values) as unknown as unknown[][];
    },
    close: () => Promise.resolve(database.close()),
  };
}
