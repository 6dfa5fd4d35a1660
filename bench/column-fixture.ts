/** A large table of encrypted values on a PostgreSQL server of its own, and who rotates it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { contextOf } from '@lockfast/columns';
import { openKeyRing } from '@lockfast/keys';
import { startPostgres } from '@lockfast/testkit';
import { Client } from 'pg';

import { hasPythonCryptography, PYTHON } from './python-peer.ts';
import type { RotatedTable } from './column-rotations.ts';

const LOCKFAST = fileURLToPath(new URL('../packages/cli/bin/lockfast.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare-column.mjs', import.meta.url));
const PYTHON_COLUMN = fileURLToPath(new URL('python_column.py', import.meta.url));
const COLUMN = 'integrations.slack.bot_token';
/** Its declaration, in the database `app`. */
export const COLUMN_SETTINGS = `\n[[columns]]\nid = "${COLUMN}"\ndatabase = "app"\ntable = "connections"\ncolumn = "bot_token"\ncontext = ["org_id"]\n`;
const PAGE = 5000;

/** @param least rows there are at least, for a script in Python that updates row by row: it gets so many */
export async function newColumnFixture(rows: number, least: number): Promise<RotatedTable> {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const project = join(root, 'project');
  mkdirSync(project);
  const postgres = await startPostgres('durable');
  const url = postgres.url('postgres', 'postgres');
  const environment = { PATH: '/usr/bin:/bin', HOME: root, DATABASE_URL: url };
  const lockfast = (...args: string[]): void => void execFileSync(process.execPath, [LOCKFAST, ...args], { cwd: project, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  lockfast('init');
  appendFileSync(join(project, 'lockfast.toml'), `\n[databases.app]\nurl = "env:DATABASE_URL"\n${COLUMN_SETTINGS}`);
  await fill(url, Math.max(rows, least), project, root);
  lockfast('key', 'rotate', '--yes');
  const hasPython = hasPythonCryptography() && spawnSync(PYTHON, ['-c', 'import psycopg2'], { stdio: 'ignore' }).status === 0;
  const sql = (text: string): void => void postgres.sql('postgres', text);
  return {
    environment,
    lockfast: { file: process.execPath, args: [LOCKFAST, 'column', 'rotate', '--yes'], cwd: project },
    bare: { file: process.execPath, args: [BARE, url], cwd: root },
    peer: hasPython ? { name: 'Python rows', rows: least, run: () => Number(execFileSync(PYTHON, [PYTHON_COLUMN, url], { encoding: 'utf8' })) } : undefined,
    fresh: (count) => {
      sql('DROP TABLE IF EXISTS connections');
      sql(`CREATE TABLE connections AS SELECT * FROM source ORDER BY id LIMIT ${count}`);
      sql('ALTER TABLE connections ADD PRIMARY KEY (id)');
      sql('VACUUM ANALYZE connections');
      sql('CHECKPOINT');
    },
    updateAtOnce: () => {
      const start = process.hrtime.bigint();
      sql("UPDATE connections SET bot_token = overlay(bot_token placing 'zzzzzz' from 6)");
      return Number(process.hrtime.bigint() - start) / 1e6;
    },
    remove: async () => {
      await postgres.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A token of 57 characters, as Slack's are. */
function tokenOf(id: number): string {
  return `xoxb-${String(id).padStart(52, '0')}`;
}

/** Each token bound to its customer. */
async function fill(url: string, rows: number, project: string, home: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query('CREATE TABLE source (id bigint, org_id int, bot_token text)');
  for await (const { ids, orgs, stored } of encryptedPages(rows, project, home)) {
    await client.query('INSERT INTO source SELECT * FROM unnest($1::bigint[], $2::int[], $3::text[])', [ids, orgs, stored]);
  }
  await client.end();
}

/** The rows that a table begins with, encrypted under the ring of the project. */
export async function* encryptedPages(rows: number, project: string, home: string): AsyncGenerator<{ readonly ids: readonly number[]; readonly orgs: readonly number[]; readonly stored: readonly string[] }> {
  const ring = await openKeyRing(
    { path: join(project, '.lockfast/keyring.json'), sources: sourcesOf(project) },
    { environment: {}, home, directory: project, askPassphrase: () => Promise.reject(new Error('nobody to ask')) },
  );
  const cipher = ring.cipher({ purpose: 'column' });
  for (let first = 0; first < rows; first += PAGE) {
    const ids = Array.from({ length: Math.min(PAGE, rows - first) }, (_, i) => first + i);
    const orgs = ids.map((id) => id % 997);
    const stored = cipher.encryptBatch(
      ids.map(tokenOf),
      orgs.map((org) => contextOf(COLUMN, ['org_id'], { org_id: org })),
    );
    yield { ids, orgs, stored };
  }
}

function sourcesOf(project: string): string[] {
  const list = execFileSync('sed', ['-n', 's/^key-source = "\\([^"]*\\)".*/\\1/p', join(project, 'lockfast.toml')], { encoding: 'utf8' });
  return list.trim().split('\n');
}
