/** A real PostgreSQL server for tests: of its own, in a temporary directory, on a Unix socket and a port of 127.0.0.1. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { memoryDirectory } from './memory-directory.ts';
import { findPostgres } from './postgres-programs.ts';

export const SUPERUSER = 'postgres';
const START_MS = 30_000;
/** Of a program that is run to its end: a table of a million rows takes its time. */
const LONGEST_MS = 300_000;
const SQL_PROGRAM = fileURLToPath(import.meta.resolve('./postgres-sql.ts'));

/** `durable`: as in production. `fast`: without fsync, for tests that cut no power. */
export type Durability = 'durable' | 'fast';

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
  const [command, ...args] = [...as, programs.postgres, '-D', data, '-k', socket, '-p', String(port), '-h', '127.0.0.1', ...(durability === 'fast' ? ['-F'] : [])];
  let server: ChildProcess;
  let ended: Promise<unknown>;
  const sql = (database: string, text: string): string =>
    run(
      programs.psql === undefined
        ? [process.execPath, SQL_PROGRAM, socket, String(port), SUPERUSER, database, text]
        : [programs.psql, '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-p', String(port), '-U', SUPERUSER, '-d', database, '-c', text],
      socket,
    );
  const start = async (): Promise<void> => {
    server = spawn(command!, args, { cwd: socket, stdio: 'ignore' });
    ended = once(server, 'exit');
    const deadline = performance.now() + START_MS;
    for (;;) {
      try {
        sql('postgres', 'SELECT 1');
        return;
      } catch (error) {
        if (performance.now() > deadline || server.exitCode !== null) throw error;
        await sleep(50);
      }
    }
  };
  await start();
  return {
    socket,
    port,
    url: (role, database) => `postgres://${role}@127.0.0.1:${port}/${database}`,
    sql,
    restart: async (mode, down) => {
      server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await ended;
      await down?.();
      await start();
    },
    stop: async () => {
      // "Immediate shutdown": without writing back what is thrown away now, which takes minutes on a busy disk.
      server.kill('SIGQUIT');
      await ended;
      rmSync(socket, { recursive: true, force: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

export function run([command, ...args]: readonly string[], cwd: string): string {
  // It stops all of this process: where it waits for a lock that this process holds, it must not wait for ever.
  const { status, stdout, stderr } = spawnSync(command!, args, { cwd, encoding: 'utf8', maxBuffer: 2 ** 28, timeout: LONGEST_MS });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout.trim();
}
