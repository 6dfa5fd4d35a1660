/** A real PostgreSQL server for tests: of its own, in a temporary directory, on a Unix socket and a port of 127.0.0.1. */
import { chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { memoryDirectory } from './memory-directory.ts';
import { findPostgres } from './postgres-programs.ts';
import { type Durability, freePort, run, ServerProcess } from './server-process.ts';

export const SUPERUSER = 'postgres';
const SQL_PROGRAM = fileURLToPath(import.meta.resolve('./postgres-sql.ts'));

export interface PostgresServer {
  /** The directory of its socket, for libpq's `host`. */
  readonly socket: string;
  /** On 127.0.0.1; also part of the socket's name. */
  readonly port: number;
  /** A URL for that role, over TCP. Everybody is let in, with any password. */
  url(role: string, database: string): string;
  /** Runs SQL as the superuser. Throws what the server says when it fails. @returns what psql prints: a line for each row, its fields with `|` between */
  sql(database: string, text: string): string;
  /** Shuts it down as `pg_ctl -m` does, and starts it again with the same data. @param down done while it is away */
  restart(mode: 'fast' | 'immediate', down?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Why no server can be started here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForPostgres(): string | undefined {
  const found = findPostgres();
  return typeof found === 'string' ? found : undefined;
}

export async function startPostgres(durability: Durability): Promise<PostgresServer> {
  const programs = findPostgres();
  if (typeof programs === 'string') throw new Error(programs);
  const socket = durability === 'fast' ? memoryDirectory('lockfast-pg-') : mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-pg-'));
  const { as, account } = programs;
  if (account !== undefined) chownSync(socket, account.uid, account.gid);
  const data = join(socket, 'data');
  run([...as, programs.initdb, '-D', data, '-A', 'trust', '-U', SUPERUSER, '-E', 'UTF8', '--locale=C', ...(durability === 'fast' ? ['-N'] : [])], socket);
  const port = await freePort();
  const command = [...as, programs.postgres, '-D', data, '-k', socket, '-p', String(port), '-h', '127.0.0.1', ...(durability === 'fast' ? ['-F'] : [])];
  const sql = (database: string, text: string): string =>
    run(
      programs.psql === undefined
        ? [process.execPath, SQL_PROGRAM, socket, String(port), SUPERUSER, database, text]
        : [programs.psql, '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-p', String(port), '-U', SUPERUSER, '-d', database, '-c', text],
      socket,
    );
  const server = new ServerProcess(command, socket, () => sql('postgres', 'SELECT 1'));
  await server.start();
  return {
    socket,
    port,
    url: (role, database) => `postgres://${role}@127.0.0.1:${port}/${database}`,
    sql,
    restart: async (mode, down) => {
      await server.end(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await down?.();
      await server.start();
    },
    stop: async () => {
      // "Immediate shutdown": without writing back what is thrown away now, which takes minutes on a busy disk.
      await server.end('SIGQUIT');
      rmSync(socket, { recursive: true, force: true });
    },
  };
}
