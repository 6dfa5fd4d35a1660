/** A real MariaDB server for tests: of its own, in a temporary directory, on a Unix socket and a port of 127.0.0.1. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { memoryDirectory } from './memory-directory.ts';
import { isRoot } from './mounting.ts';
import { type Durability, freePort, run, ServerProcess } from './server-process.ts';

const SERVER = '/usr/sbin/mariadbd';
const INSTALLER = 'mariadb-install-db';
const CLIENT = 'mariadb';
/** As in a new production server, and small: many run at once. */
const OPTIONS = ['--character-set-server=utf8mb4', '--collation-server=utf8mb4_general_ci', '--innodb-buffer-pool-size=64M', '--innodb-log-file-size=32M', '--skip-log-bin', '--skip-name-resolve'];

export interface MariadbServer {
  /** The path of its Unix socket. */
  readonly socket: string;
  /** On 127.0.0.1. */
  readonly port: number;
  /** A URL for that role, over TCP. `root` may do everything, and has no password; other roles are made by SQL, for the host `%`. */
  url(role: string, database: string): string;
  /**
   * Runs SQL as root. Throws what the server says when it fails. What holds `;` itself, as a trigger does, needs a line `DELIMITER $$` before it.
   *
   * @returns a line for each row, its fields with `|` between, NULL as nothing: as psql prints it. The text `NULL` can't be told from NULL
   */
  sql(database: string, text: string): string;
  /** Shuts it down in order (`fast`) or by SIGKILL (`immediate`), and starts it again with the same data. @param down done while it is away */
  restart(mode: 'fast' | 'immediate', down?: () => Promise<void>): Promise<void>;
  stop(): Promise<void>;
}

/** Why no server can be started here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForMariadb(): string | undefined {
  const found = [SERVER, INSTALLER, CLIENT].every((program) => spawnSync(program, ['--no-defaults', '--help'], { stdio: 'ignore' }).error === undefined);
  return found ? undefined : 'needs MariaDB (mariadb-server)';
}

/** @param options of the server, after its own: `--ssl-cert=...` */
export async function startMariadb(durability: Durability, ...options: readonly string[]): Promise<MariadbServer> {
  const directory = durability === 'fast' ? memoryDirectory('lockfast-maria-') : mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-maria-'));
  const [data, socket, log] = [join(directory, 'data'), join(directory, 's.sock'), join(directory, 'log')];
  const common = ['--no-defaults', ...(isRoot ? ['--user=root'] : []), `--datadir=${data}`, ...OPTIONS];
  run([INSTALLER, ...common, '--auth-root-authentication-method=normal', '--skip-test-db'], directory);
  const port = await freePort();
  // What was committed outlives the server's death in either case; `fast` leaves it to the operating system's cache.
  const durable = durability === 'durable' ? ['--innodb-flush-log-at-trx-commit=1'] : ['--innodb-flush-log-at-trx-commit=2', '--innodb-flush-method=nosync', '--skip-innodb-doublewrite'];
  const command = [SERVER, ...common, `--socket=${socket}`, `--port=${port}`, '--bind-address=127.0.0.1', `--pid-file=${join(directory, 'pid')}`, ...durable, ...options];
  const sql = (database: string, text: string): string =>
    asPsqlPrints(run([CLIENT, '--no-defaults', '--batch', '--skip-column-names', '--default-character-set=utf8mb4', `--socket=${socket}`, '--user=root', `--database=${database}`, `--execute=${text}`], directory));
  const server = new ServerProcess(command, directory, () => sql('mysql', 'SELECT 1'), log);
  await server.start();
  return {
    socket,
    port,
    url: (role, database) => `mysql://${role}@127.0.0.1:${port}/${database}`,
    sql,
    restart: async (mode, down) => {
      await server.end(mode === 'fast' ? 'SIGTERM' : 'SIGKILL');
      await down?.();
      await server.start();
    },
    stop: async () => {
      await server.end('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const ESCAPED: Readonly<Record<string, string>> = { '\\n': '\n', '\\t': '\t', '\\0': '\0', '\\\\': '\\' };

function asPsqlPrints(output: string): string {
  const field = (text: string): string => (text === 'NULL' ? '' : text.replace(/\\[nt0\\]/g, (escaped) => ESCAPED[escaped]!));
  return output.split('\n').map((line) => line.split('\t').map(field).join('|')).join('\n');
}
