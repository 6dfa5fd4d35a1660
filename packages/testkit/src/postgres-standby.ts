/** A replica of a PostgreSQL server for tests, which lags behind on purpose. */
import { appendFileSync, chownSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { memoryDirectory } from './memory-directory.ts';
import { findPostgres } from './postgres-programs.ts';
import { type PostgresServer, SUPERUSER } from './postgres.ts';
import { freePort, run, ServerProcess } from './server-process.ts';

/** As a clause for the title of a skipped test: the npm package has no program that copies a server. */
export function missingForStandby(): string | undefined {
  const programs = findPostgres();
  if (typeof programs === 'string') return programs;
  return programs.psql === undefined ? 'needs PostgreSQL 15 on the machine' : undefined;
}

export interface Standby {
  /** A URL for that role, over its Unix socket. */
  url(role: string, database: string): string;
  /** Before the server stops. */
  stop(): Promise<void>;
}

/** @param delayMs every commit is applied so much later than on the server */
export async function startStandby(server: PostgresServer, delayMs: number): Promise<Standby> {
  const programs = findPostgres();
  if (typeof programs === 'string') throw new Error(programs);
  const { as, account } = programs;
  const directory = memoryDirectory('lockfast-standby-');
  if (account !== undefined) chownSync(directory, account.uid, account.gid);
  const data = join(directory, 'data');
  run([...as, programs.initdb.replace(/initdb$/, 'pg_basebackup'), '-h', server.socket, '-p', String(server.port), '-U', SUPERUSER, '-D', data, '-R', '-X', 'stream', '-c', 'fast', '-N'], directory);
  appendFileSync(join(data, 'postgresql.auto.conf'), `recovery_min_apply_delay = ${delayMs}\n`);
  const port = await freePort();
  const command = [...as, programs.postgres, '-D', data, '-k', directory, '-p', String(port), '-h', '', '-F'];
  const standby = new ServerProcess(command, directory, () => {
    if (server.sql('postgres', "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") !== '1') throw new Error('the standby did not start');
  });
  await standby.start();
  return {
    url: (role, database) => `postgres:///${database}?host=${directory}&port=${port}&user=${role}`,
    stop: async () => {
      await standby.end('SIGQUIT');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
