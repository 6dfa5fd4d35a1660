/**
 * Four servers write emails with their indexes, under the keys before and after a rotation of the index, while its build is killed (-9)
 * again and again and continued by the same call. At the end every row holds what was acknowledged last, and the index of that.
 *
 * LOCKFAST_DEEP=1: 20,000 rows and 30 kills.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import { column } from '../../src/index.ts';
import { censusIndex, type IndexReport } from '../../src/jobs/index.ts';
import { openPostgresColumns } from '../../src/jobs/postgres/index.ts';
import { heldSource } from '../held-ring.ts';
import { build, DEFINITION, INDEX, SOURCE } from './index-application.ts';
import type { IndexJobOrder } from './index-job-process.ts';
import { anIndexScene, emailsOf, fill, survey } from './index-scene.ts';
import type { AcknowledgedEmail, IndexWriterOrder } from './index-writer-process.ts';
import { missing, withServer } from './postgres/a-database.ts';

const deep = process.env['LOCKFAST_DEEP'] === '1';
const SCALE = deep ? { rows: 20_000, kills: 30, batch: 200, maxRate: 5000, longestMs: 800 } : { rows: 1000, kills: 4, batch: 50, maxRate: 1500, longestMs: 300 };

withServer();

function program(name: string, order: unknown): ChildProcess {
  return spawn(process.execPath, ['--conditions=lockfast-source', fileURLToPath(new URL(name, import.meta.url)), JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function runBuild(order: IndexJobOrder, killAfter: number | undefined): Promise<IndexReport | undefined> {
  const child = program('index-job-process.ts', order);
  const closed = once(child, 'close');
  const begun = Promise.race([once(child.stdout!, 'data'), closed]);
  let printed = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (printed += text));
  if (killAfter !== undefined) {
    await begun;
    await sleep(killAfter);
    child.kill('SIGKILL');
  }
  const [status, signal] = (await closed) as [number | null, string | null];
  if (signal === 'SIGKILL') return undefined;
  expect(status).toBe(0);
  return JSON.parse(printed.trimEnd().split('\n').at(-1)!) as IndexReport;
}

test.skipIf(missing !== undefined)(
  '[W5] [B14] a build that is killed again and again among four writers loses no write and leaves no index of another value',
  async () => {
    const scene = await anIndexScene();
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-index-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const root = Buffer.alloc(32, 7);
    const first = (await KeyRing.create('production', [heldSource(root)])).withNewIndexKey(DEFINITION.id);
    const staged = first.withNewIndexKey(DEFINITION.id);
    const active = staged.withIndexKeyActive(DEFINITION.id);
    const files = { staged: join(directory, 'staged.json'), active: join(directory, 'active.json') };
    writeFileSync(files.staged, staged.print());
    writeFileSync(files.active, active.print());
    await fill(scene, first, emailsOf(SCALE.rows));
    // Its lock ends with its connection.
    const before = await openPostgresColumns(scene.scratch.url);
    await build({ database: before }, first);
    await before.close();

    const common = { url: scene.scratch.url, root: root.toString('base64') };
    const logs = Array.from({ length: 4 }, (_, writer) => join(directory, `${writer}.log`));
    const writers = logs.map((log, writer) => program('index-writer-process.ts', { ...common, writer, rows: SCALE.rows, log } satisfies IndexWriterOrder));
    onTestFinished(() => writers.forEach((one) => one.kill('SIGKILL')));
    const tell = (line: string): void => writers.forEach((one) => one.stdin!.write(`${line}\n`));

    tell(`${files.staged} ${files.active}`);
    const order: IndexJobOrder = { ...common, ring: files.active, batch: SCALE.batch, maxRate: SCALE.maxRate };
    for (let kill = 0; kill < SCALE.kills; kill++) await runBuild(order, ((kill * 37) % SCALE.kills) * (SCALE.longestMs / SCALE.kills));
    // Now every server has the newest ring; they go on writing while the build comes to its end.
    tell(files.active);
    await sleep(500);
    const report = await runBuild({ ...order, maxRate: 1_000_000 }, undefined);
    expect(report).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
    tell('stop');
    await Promise.all(writers.map(async (one) => one.exitCode ?? (await once(one, 'exit'))));

    expect(Object.keys((await censusIndex(scene.database, INDEX, active)).keys)).toEqual([active.indexKeys[1]!.id]);
    expect(await survey(scene, active.withIndexKeyDestroyed(DEFINITION.id))).toMatchObject({ missing: 0, stale: 0, unreadable: {} });
    const oracle = new Map<number, string | null>(emailsOf(SCALE.rows).map((email, index) => [index + 1, email]));
    let writes = 0;
    for (const line of logs.filter(existsSync).flatMap((log) => readFileSync(log, 'utf8').split('\n').slice(0, -1))) {
      const { id, email } = JSON.parse(line) as AcknowledgedEmail;
      writes++;
      if (email === undefined) oracle.delete(id);
      else oracle.set(id, email);
    }
    const { rows } = await scene.client.query<{ id: number; org: string; email: string | null }>('SELECT id, org, email FROM customers');
    const emails = column(active, { id: SOURCE.id, context: ['org'] }).decryptBatch(rows.map(({ email }) => email), rows.map(({ org }) => ({ org })));
    expect(new Map(rows.map(({ id }, index) => [id, emails[index]!] as const).toSorted(([a], [b]) => a - b))).toEqual(new Map([...oracle].toSorted(([a], [b]) => a - b)));
    expect(writes).toBeGreaterThan(50);
  },
  deep ? 600_000 : 120_000,
);
