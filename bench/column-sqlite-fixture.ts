/** A SQLite file with a large table of encrypted values, and who rotates it. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';


import { COLUMN_SETTINGS, encryptedPages } from './column-fixture.ts';
import type { RotatedTable } from './column-rotations.ts';

const LOCKFAST = fileURLToPath(new URL('../packages/cli/bin/lockfast.js', import.meta.url));
const BARE = fileURLToPath(new URL('bare-sqlite.mjs', import.meta.url));

export async function newColumnSqliteFixture(rows: number): Promise<RotatedTable> {
  const root = mkdtempSync(join(tmpdir(), 'lockfast-bench-'));
  const project = join(root, 'project');
  mkdirSync(project);
  const environment = { PATH: '/usr/bin:/bin', HOME: root };
  const lockfast = (...args: string[]): void => void execFileSync(process.execPath, [LOCKFAST, ...args], { cwd: project, env: environment, stdio: ['ignore', 'ignore', 'pipe'] });
  lockfast('init');
  appendFileSync(join(project, 'lockfast.toml'), `\n[databases.app]\nurl = "sqlite:app.db"\n${COLUMN_SETTINGS}`);
  const [source, file] = [join(root, 'source.db'), join(project, 'app.db')];
  await fill(source, rows, project, root);
  lockfast('key', 'rotate', '--yes');
  return {
    environment,
    lockfast: { file: process.execPath, args: [LOCKFAST, 'column', 'rotate', '--yes'], cwd: project },
    bare: { file: process.execPath, args: [BARE, file], cwd: root },
    fresh: () => {
      for (const end of ['', '-wal', '-shm']) rmSync(`${file}${end}`, { force: true });
      copyFileSync(source, file);
      execFileSync('sync');
    },
    updateAtOnce: () => {
      const database = new DatabaseSync(file);
      const start = process.hrtime.bigint();
      database.exec("PRAGMA synchronous = FULL; UPDATE connections SET bot_token = substr(bot_token, 1, 5) || 'zzzzzz' || substr(bot_token, 12)");
      const ms = Number(process.hrtime.bigint() - start) / 1e6;
      database.close();
      return ms;
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

async function fill(path: string, rows: number, project: string, home: string): Promise<void> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE connections (id INTEGER PRIMARY KEY, org_id INT, bot_token TEXT)');
  const insert = database.prepare('INSERT INTO connections VALUES (?, ?, ?)');
  for await (const { ids, orgs, stored } of encryptedPages(rows, project, home)) {
    database.exec('BEGIN');
    ids.forEach((id, at) => insert.run(id, orgs[at]!, stored[at]!));
    database.exec('COMMIT');
  }
  // The last connection writes the WAL back.
  database.close();
}
