/** A large table of encrypted values on a MariaDB server of its own, and who rotates it. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startMariadb } from '@lockfast/testkit';
import { createConnection } from 'mysql2/promise';

import { COLUMN_SETTINGS, encryptedPages } from './column-fixture.ts';
import type { RotatedTable } from './column-rotations.ts';

const LOCKFAST = fileURLToPath(new URL('../packages/cli/bin/lockfast.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare-column-mariadb.mjs', import.meta.url));

export async function newColumnMariadbFixture(rows: number): Promise<RotatedTable> {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const project = join(root, 'project');
  mkdirSync(project);
  const mariadb = await startMariadb('durable', '--innodb-buffer-pool-size=512M', '--innodb-log-file-size=256M');
  mariadb.sql('mysql', 'CREATE DATABASE app');
  const url = mariadb.url('root', 'app');
  const environment = { PATH: '/usr/bin:/bin', HOME: root, DATABASE_URL: url };
  const lockfast = (...args: string[]): void => void execFileSync(process.execPath, [LOCKFAST, ...args], { cwd: project, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  lockfast('init');
  appendFileSync(join(project, 'lockfast.toml'), `\n[databases.app]\nurl = "env:DATABASE_URL"\n${COLUMN_SETTINGS}`);
  await fill(url, rows, project, root);
  lockfast('key', 'rotate', '--yes');
  const sql = (text: string): void => void mariadb.sql('app', text);
  return {
    environment,
    lockfast: { file: process.execPath, args: [LOCKFAST, 'column', 'rotate', '--yes'], cwd: project },
    bare: { file: process.execPath, args: [BARE, url], cwd: root },
    fresh: () => {
      sql('DROP TABLE IF EXISTS connections');
      sql('CREATE TABLE connections (id bigint PRIMARY KEY, org_id int, bot_token text) AS SELECT * FROM source ORDER BY id');
      sql('ANALYZE TABLE connections');
      sql('FLUSH TABLES');
    },
    updateAtOnce: () => {
      const start = process.hrtime.bigint();
      sql("UPDATE connections SET bot_token = INSERT(bot_token, 6, 6, 'zzzzzz')");
      return Number(process.hrtime.bigint() - start) / 1e6;
    },
    remove: async () => {
      await mariadb.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function fill(url: string, rows: number, project: string, home: string): Promise<void> {
  const client = await createConnection(url);
  await client.query('CREATE TABLE source (id bigint PRIMARY KEY, org_id int, bot_token text)');
  for await (const { ids, orgs, stored } of encryptedPages(rows, project, home)) {
    await client.query('INSERT INTO source VALUES ?', [ids.map((id, at) => [id, orgs[at]!, stored[at]!])]);
  }
  await client.end();
}
