/** A real PostgreSQL server for tests: of its own, in a temporary directory, on a Unix socket and a port of 127.0.0.1. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isRoot } from './mounting.ts';

const PROGRAMS = '/usr/lib/postgresql/15/bin';
const ACCOUNT = 'postgres';
const SUPERUSER = 'postgres';
const START_MS = 30_000;

/** `durable`: as in production. `fast`: without fsync, for tests that cut no power. */
export type Durability = 'durable' | 'fast';

export interface PostgresServer {
  /** The directory of its socket, for libpq's `host`. */
  readonly socket: string;
  /** On 127.0.0.1; also part of the socket's name. */
  readonly port: number;
  /** A URL for that role, over TCP. Everybody is let in, with any password. */
  url(role: string, database: string): string;
  /** Runs SQL as the superuser, with psql. Throws what it says when it fails. */
  sql(database: string, text: string): string;
  stop(): Promise<void>;
}

/** Why no server can be started here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForPostgres(): string | undefined {
  try {
    accessSync(`${PROGRAMS}/postgres`, constants.X_OK);
  } catch {
    return 'needs PostgreSQL 15';
  }
  // It refuses to run as root.
  if (!isRoot) return undefined;
  if (accountOf() === undefined) return `needs the account ${ACCOUNT}`;
  return spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).status === 0 ? undefined : 'needs setpriv';
}

export async function startPostgres(durability: Durability): Promise<PostgresServer> {
  const socket = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-pg-'));
  const account = isRoot ? accountOf() : undefined;
  if (account !== undefined) chownSync(socket, account.uid, account.gid);
  const data = join(socket, 'data');
  const as = account === undefined ? [] : ['setpriv', `--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups'];
  run([...as, `${PROGRAMS}/initdb`, '-D', data, '-A', 'trust', '-U', SUPERUSER, '-E', 'UTF8', '--locale=C', ...(durability === 'fast' ? ['-N'] : [])], socket);
  const port = await freePort();
  const [command, ...args] = [...as, `${PROGRAMS}/postgres`, '-D', data, '-k', socket, '-p', String(port), '-h', '127.0.0.1', ...(durability === 'fast' ? ['-F'] : [])];
  const server = spawn(command!, args, { cwd: socket, stdio: 'ignore' });
  const ended = once(server, 'exit');
  const sql = (database: string, text: string): string => run([`${PROGRAMS}/psql`, '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-p', String(port), '-U', SUPERUSER, '-d', database, '-c', text], socket);
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      sql('postgres', 'SELECT 1');
      break;
    } catch (error) {
      if (performance.now() > deadline || server.exitCode !== null) throw error;
      await sleep(50);
    }
  }
  return {
    socket,
    port,
    url: (role, database) => `postgres://${role}@127.0.0.1:${port}/${database}`,
    sql,
    stop: async () => {
      // "Immediate shutdown": without writing back what is thrown away now, which takes minutes on a busy disk.
      server.kill('SIGQUIT');
      await ended;
      rmSync(socket, { recursive: true, force: true });
    },
  };
}

function accountOf(): { readonly uid: number; readonly gid: number } | undefined {
  const fields = new RegExp(`^${ACCOUNT}:[^:]*:(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8'));
  return fields === null ? undefined : { uid: Number(fields[1]), gid: Number(fields[2]) };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}

function run([command, ...args]: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command!, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout.trim();
}
