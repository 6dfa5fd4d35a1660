/** What keeps a job out of a database, or stops it there: each is named, and nothing is half done. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, onTestFinished, test } from 'vitest';

import { convertColumn, StoredValues } from '../../../src/jobs/index.ts';
import { openSqliteColumns, remedyOf } from '../../../src/jobs/sqlite/index.ts';
import { heldRing } from '../../held-ring.ts';
import { aTarget, everyRow, refusalOf } from '../postgres/a-database.ts';
import { DECLARED } from '../scene.ts';
import { aDatabase, JOURNALS, type Scratch } from './a-database.ts';

const ROWS = `CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret TEXT);
  WITH RECURSIVE n(v) AS (VALUES (1) UNION ALL SELECT v + 1 FROM n WHERE v < 300) INSERT INTO t SELECT v, 'row ' || v, 'secret ' || v FROM n`;

async function encrypt(scratch: Scratch, batch = 20): Promise<unknown> {
  const database = await scratch.open();
  try {
    return await convertColumn(database, DECLARED, new StoredValues(await heldRing(), DECLARED, []), { direction: 'encrypt', dryRun: false, batch });
  } finally {
    await database.close();
  }
}

describe('a file that is no database to work on', () => {
  test('a missing file is not made; a directory, an empty file and another program’s file are refused', async () => {
    const { directory } = aDatabase('');
    const missing = join(directory, 'missing.db');
    const error = await refusalOf(openSqliteColumns(missing));
    expect(error).toMatchObject({ code: 'database-unavailable', message: `there is no database sqlite:${missing}` });
    expect(remedyOf(error)).toBe('none');
    expect(existsSync(missing)).toBe(false);
    expect((await refusalOf(openSqliteColumns(join(directory, 'no', 'such')))).code).toBe('database-unavailable');
    expect((await refusalOf(openSqliteColumns('nul\0'))).code).toBe('database-unavailable');
    expect((await refusalOf(openSqliteColumns(directory))).message).toMatch(/is not a file/);
    const text = join(directory, 'text');
    writeFileSync(text, `A text that is no database, and holds hunter2. ${'x'.repeat(5000)}`);
    expect(await refusalOf(openSqliteColumns(text))).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/no database of SQLite, or it is encrypted/) as string });
    expect(readFileSync(text, 'utf8')).toMatch(/^A text/);
    const empty = join(directory, 'empty');
    writeFileSync(empty, '');
    const database = await openSqliteColumns(empty);
    onTestFinished(async () => await database.close());
    expect((await refusalOf(database.table(aTarget({})))).message).toMatch(/no table t/);
    expect(readFileSync(empty)).toHaveLength(0);
  });

  test('names that are no plain path: `?`, `#`, `%`, `:memory:`, a symbolic link', async () => {
    const { directory, path, application } = aDatabase(ROWS);
    application.close();
    for (const name of ['a?mode=ro', 'b#c', 'd%20e', ':memory:', 'file:x', 'ü 東']) {
      copyFileSync(path, join(directory, name));
      const database = await openSqliteColumns(join(directory, name));
      expect(await (await database.table(aTarget({}))).estimatedRows()).toBe(300);
      await database.close();
    }
    symlinkSync(path, join(directory, 'link'));
    const database = await openSqliteColumns(join(directory, 'link'));
    expect(database.place).toBe(`sqlite:${path}`);
    await database.close();
  });

  test('a damaged file stops a job, and what it says quotes nothing', async () => {
    const scratch = aDatabase(ROWS, 'DELETE');
    scratch.application.close();
    truncateSync(scratch.path, 8192);
    const error = await refusalOf(encrypt(scratch));
    expect(error).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/it is damaged/) as string, hint: expect.stringMatching(/integrity_check/) as string });
    expect(remedyOf(error)).toBe('none');
  });

  test('a file that is replaced under a job stops it: what it wrote into the old one would be gone', async () => {
    const scratch = aDatabase(ROWS);
    const table = await scratch.table({});
    const [row] = await table.read(null, 1);
    copyFileSync(scratch.path, `${scratch.path}.new`);
    renameSync(`${scratch.path}.new`, scratch.path);
    expect((await refusalOf(table.write([{ row: row!, value: 'new' }], undefined))).message).toMatch(/was removed or replaced/);
    rmSync(scratch.path);
    expect((await refusalOf(table.write([{ row: row!, value: 'new' }], undefined))).message).toMatch(/was removed or replaced/);
  });
});

describe.skipIf(process.getuid?.() !== 0)('permissions (as root, who becomes another user)', () => {
  /** As user 65534, who owns nothing. */
  async function asNobody(path: string, act: 'read' | 'lock'): Promise<string> {
    const program = `import { openSqliteColumns } from '@lockfast/columns/jobs/sqlite';
      process.setgid(65534); process.setuid(65534);
      try {
        const database = await openSqliteColumns(${JSON.stringify(path)});
        const target = { id: 'x', table: 't', column: 'secret', context: [] };
        const table = await database.table(target);
        const rows = await table.read(null, 1);
        ${act === 'lock' ? 'await database.lock(target); await table.write(rows.map((row) => ({ row, value: "new" })), undefined);' : ''}
        console.log(rows[0].value);
        await database.close();
      } catch (error) { console.log(error.code + ' ' + error.message); }`;
    const child = spawn(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '-e', program], { cwd: join(import.meta.dirname, '../../..'), stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (part) => (text += String(part)));
    await once(child, 'close');
    return text.trim();
  }

  test('[W5] a database that may only be read is read, and a job on it is refused before it begins', async () => {
    const scratch = aDatabase(ROWS, 'DELETE');
    chmodSync(scratch.directory, 0o755);
    chmodSync(scratch.path, 0o644);
    expect(await asNobody(scratch.path, 'read')).toBe('secret 1');
    expect(await asNobody(scratch.path, 'lock')).toMatch(/^database-refused .* may not be written here/);
    // The file may be written, its directory, where journal and lock are made, not.
    chmodSync(scratch.path, 0o666);
    expect(await asNobody(scratch.path, 'lock')).toMatch(/^permission-denied the lock .* can not be taken/);
    chmodSync(scratch.path, 0o600);
    expect(await asNobody(scratch.path, 'read')).toMatch(/^database-refused .*app\.db may not be read$/);
    chmodSync(scratch.path, 0o666);
    chmodSync(scratch.directory, 0o777);
    expect(await asNobody(scratch.path, 'lock')).toBe('secret 1');
    // What root leaves behind keeps nobody out.
    const database = await scratch.open();
    await database.lock(aTarget({}));
    expect(readdirSync(scratch.directory).filter((name) => name.includes('-lockfast-'))).toHaveLength(1);
    expect(await asNobody(scratch.path, 'lock')).toMatch(/^busy /);
    await database.close();
    expect(await asNobody(scratch.path, 'lock')).toBe('new');
  });
});

describe.each(JOURNALS)('a database with journal_mode %s', (journal) => {
  test('[W5] its journal mode and its settings stay what they were; only the job’s table comes and goes', async () => {
    const scratch = aDatabase(`PRAGMA auto_vacuum = INCREMENTAL; PRAGMA user_version = 7; PRAGMA application_id = 9; ${ROWS}`, journal);
    const state = (): string => ['journal_mode', 'user_version', 'application_id', 'auto_vacuum', 'page_size'].map((name) => scratch.sql(`PRAGMA ${name}`)).join(' ');
    const [before, schema] = [state(), scratch.sql('SELECT * FROM sqlite_schema')];
    expect(await encrypt(scratch)).toMatchObject({ changed: 300, remaining: 0 });
    expect(state()).toBe(before);
    expect(scratch.sql('SELECT * FROM sqlite_schema')).toBe(schema);
    expect(readdirSync(scratch.directory).filter((name) => name.includes('-lockfast-'))).toEqual([]);
  });

  test('[W5] a full disk stops a job between two batches: every row is readable, and once there is room it goes on', async () => {
    const scratch = aDatabase(`${ROWS}; PRAGMA synchronous = FULL`, journal);
    const mount = join(scratch.directory, 'small');
    mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${journal === 'WAL' ? 160 : 48}k`, 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      // Not allowed here.
      return;
    }
    onTestFinished(() => void execFileSync('umount', ['-l', mount]));
    scratch.sql('PRAGMA wal_checkpoint(TRUNCATE)');
    const path = join(mount, 'app.db');
    copyFileSync(scratch.path, path);
    const ring = await heldRing();
    const values = new StoredValues(ring, DECLARED, []);
    const run = async (): Promise<unknown> => {
      const database = await openSqliteColumns(path);
      try {
        return await convertColumn(database, DECLARED, values, { direction: 'encrypt', dryRun: false, batch: 20 });
      } finally {
        await database.close();
      }
    };
    const error = await refusalOf(run());
    expect(error.message).toMatch(/full|I\/O error/);
    const look = (): readonly (readonly [unknown, string])[] => {
      const database = new DatabaseSync(path);
      try {
        expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
        return database.prepare('SELECT id, secret FROM t ORDER BY id').all().map((row) => [row['id'], String(row['secret'])]);
      } finally {
        database.close();
      }
    };
    for (const [id, secret] of look()) expect(secret.startsWith('lfv1.') || secret === `secret ${String(id)}`).toBe(true);
    execFileSync('mount', ['-o', 'remount,size=8m', mount]);
    expect(await run()).toMatchObject({ rows: 300, remaining: 0, verified: { unreadable: 0 } });
    expect(look().every(([, secret]) => secret.startsWith('lfv1.'))).toBe(true);
  });

  test('[W5] somebody who holds the database for a while is waited for, as the process stays awake; one who never lets go is named as the reason', async () => {
    const scratch = aDatabase(ROWS, journal);
    const table = await scratch.table({});
    const rows = await everyRow(table, 100);
    scratch.application.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    const timer = setInterval(() => ticks++, 10);
    onTestFinished(() => clearInterval(timer));
    const writing = table.write(rows.slice(0, 2).map((row) => ({ row, value: 'new' })), undefined);
    // It may be read all the same.
    expect(await table.read(null, 5)).toHaveLength(5);
    await sleep(400);
    scratch.application.exec('COMMIT');
    expect(await writing).toEqual([true, true]);
    expect(ticks).toBeGreaterThan(15);
    scratch.application.exec('BEGIN EXCLUSIVE');
    const error = await refusalOf(table.write(rows.slice(2, 4).map((row) => ({ row, value: 'new' })), undefined));
    expect(error).toMatchObject({ code: 'database-refused', message: expect.stringMatching(/other programs held it for too long/) as string, hint: expect.stringMatching(/fuser/) as string });
    expect(remedyOf(error)).toBe('smaller-batch');
    scratch.application.exec('ROLLBACK');
    expect(await table.write(rows.slice(2, 4).map((row) => ({ row, value: 'new' })), undefined)).toEqual([true, true]);
  });

  test('[W5] a reader in the middle of a long look holds up no batch for ever, and sees what it saw', async () => {
    const scratch = aDatabase(ROWS, journal);
    const table = await scratch.table({});
    const rows = await everyRow(table, 100);
    const reader = new DatabaseSync(scratch.path, { timeout: 0 });
    onTestFinished(() => reader.close());
    reader.exec('BEGIN; SELECT count(*) FROM t');
    const writing = table.write(rows.slice(0, 2).map((row) => ({ row, value: 'new' })), { job: 'j', pass: 1, after: null, counts: {} });
    await sleep(300);
    expect(reader.prepare("SELECT count(*) AS n FROM t WHERE secret = 'new'").get()).toEqual({ n: 0 });
    reader.exec('COMMIT');
    expect(await writing).toEqual([true, true]);
    expect(scratch.sql("SELECT count(*) FROM t WHERE secret = 'new'")).toBe('2');
  });

  test('[W3] after VACUUM and a checkpoint of the WAL no plaintext is left in any file; before, there is', async () => {
    const scratch = aDatabase(ROWS.replace("'secret ' || v", "'hunter' || (v + 1000)"), journal);
    // By another process: whoever opens and closes the file in this one gives up the locks of its connections.
    const left = (): boolean => spawnSync('grep', ['-rqaE', 'hunter1[0-9]{3}', scratch.directory]).status === 0;
    await encrypt(scratch);
    // Even with secure_delete: SQLite moves rows when a page is full, and leaves what was there.
    expect(left()).toBe(true);
    scratch.sql('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    expect(left()).toBe(false);
  });
});

test('[W5] a second job is refused in this process and in another, until the first ends, however it ends', async () => {
  const scratch = aDatabase(`${ROWS}; ALTER TABLE t ADD other TEXT`);
  const [one, two] = [await scratch.open(), await scratch.open()];
  await one.lock(aTarget({}));
  await one.lock(aTarget({}));
  expect(await refusalOf(two.lock(aTarget({ id: 'tests.again', table: 'MAIN."T"' })))).toMatchObject({ code: 'busy', message: expect.stringMatching(/another job works on t\.secret of sqlite:.*fuser/) as string });
  await two.lock(aTarget({ column: 'other' }));
  await one.close();
  await two.lock(aTarget({}));
  await two.close();
  expect(readdirSync(scratch.directory).filter((name) => name.includes('-lockfast-'))).toEqual([]);

  const program = `import { openSqliteColumns } from '@lockfast/columns/jobs/sqlite';
    const database = await openSqliteColumns(${JSON.stringify(scratch.path)});
    await database.lock({ id: 'x', table: 't', column: 'secret', context: [] });
    console.log('locked'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--conditions=lockfast-source', '--input-type=module', '-e', program], { cwd: join(import.meta.dirname, '../../..'), stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const three = await scratch.open();
  expect((await refusalOf(three.lock(aTarget({})))).code).toBe('busy');
  // A stopped process is none that is gone.
  child.kill('SIGSTOP');
  expect((await refusalOf(three.lock(aTarget({})))).code).toBe('busy');
  child.kill('SIGKILL');
  await three.lock(aTarget({}));
});

test('[W5] of many who want the lock at once, one has it at a time', async () => {
  const scratch = aDatabase(ROWS);
  let holders = 0;
  let taken = 0;
  const wanting = Array.from({ length: 8 }, async () => {
    for (let n = 0; n < 12; n++) {
      const database = await openSqliteColumns(scratch.path);
      try {
        await database.lock(aTarget({}));
        expect(++holders).toBe(1);
        taken++;
        await sleep(Math.random() * 4);
        holders--;
      } catch (error) {
        expect(error).toMatchObject({ code: 'busy' });
      } finally {
        await database.close();
      }
    }
  });
  await Promise.all(wanting);
  expect(taken).toBeGreaterThan(12);
});
