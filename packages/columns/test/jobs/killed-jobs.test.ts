/**
 * Four processes write, insert, delete and empty rows all the time, while a job is killed (-9) again and again and continued by the same
 * call. The log of what the database acknowledged to the writers is the oracle: at the end every row holds its last one.
 *
 * LOCKFAST_DEEP=1: 50,000 rows and 50 kills; LOCKFAST_SEED=n takes other moments.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import type { ConversionReport, DeclaredColumn, Direction } from '../../src/jobs/index.ts';
import type { JobOrder } from './job-process.ts';
import { onEachDatabase } from '../databases/each-database.ts';
import { heldSource, rotatedRing } from '../held-ring.ts';
import { applicationColumn, DECLARED } from './scene.ts';
import type { Acknowledged, WriterOrder } from './writer-process.ts';

const deep = process.env['LOCKFAST_DEEP'] === '1';
const SEED = Number(process.env['LOCKFAST_SEED'] ?? 1);
const SCALE = deep ? { rows: 50_000, kills: 50, batch: 500, maxRate: 6000, longestMs: 1000 } : { rows: 1500, kills: 8, batch: 25, maxRate: 750, longestMs: 160 };
const WRITERS = 4;
const declared: DeclaredColumn = { ...DECLARED, context: ['org'] };

function program(name: string, order: unknown): ChildProcess {
  const path = fileURLToPath(new URL(name, import.meta.url));
  return spawn(process.execPath, ['--conditions=lockfast-source', path, JSON.stringify(order)], { stdio: ['pipe', 'pipe', 'inherit'] });
}

interface JobRun {
  readonly process: ChildProcess;
  readonly begun: Promise<void>;
  /** The report, or undefined where it was killed. */
  readonly ended: Promise<ConversionReport | undefined>;
}

function startJob(order: JobOrder): JobRun {
  const child = program('job-process.ts', order);
  const exit = once(child, 'exit');
  let last = '';
  const begun = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      last = line;
      resolve();
    });
    void exit.then(() => resolve());
  });
  const ended = once(child, 'close').then(([status, signal]: unknown[]) => {
    if (signal === 'SIGKILL') return undefined;
    if (status !== 0) throw new Error(`a job ended with the status ${String(status)}`);
    return JSON.parse(last) as ConversionReport;
  });
  ended.catch(() => {});
  return { process: child, begun, ended };
}

/** Starts the job until it was killed so often in the middle of its work. */
async function killOften(order: JobOrder, kills: number, random: () => number): Promise<number> {
  let killed = 0;
  for (let tries = 0; killed < kills && tries < 3 * kills; tries++) {
    const job = startJob(order);
    await job.begun;
    await sleep(random() * SCALE.longestMs);
    job.process.kill('SIGKILL');
    if ((await job.ended) === undefined) killed++;
  }
  return killed;
}

onEachDatabase((under) => test(
  '[W5] [D3] a job that is killed again and again among four writers loses no write, leaves no row unreadable, and encrypts none twice',
  async () => {
    const scratch = under.aDatabase(`CREATE TABLE t (id int PRIMARY KEY, name varchar(20), org varchar(20), secret ${under.types.text})`);
    const kills = deep ? SCALE.kills : 2 * Math.ceil(SCALE.kills / 2 / under.share);
    const directory = mkdtempSync(join(tmpdir(), 'lockfast-killed-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    scratch.sql(`INSERT INTO t SELECT n, 'row', concat('org ', n % 5), concat('initial ', n) FROM ${under.series(SCALE.rows)}`);

    const root = Buffer.alloc(32, 7);
    const first = await KeyRing.create('production', [heldSource(root)]);
    const second = rotatedRing(first);
    // While the ring is rolled out, servers know the new key before one of them writes under it.
    const files = { first: join(directory, 'first.json'), second: join(directory, 'second.json') };
    writeFileSync(files.first, first.print());
    writeFileSync(files.second, second.print());

    const common = { url: scratch.url, root: root.toString('base64'), declared };
    const logs = Array.from({ length: WRITERS }, (_, writer) => join(directory, `${writer}.log`));
    const writers = logs.map((log, writer) => program('writer-process.ts', { ...common, writer, rows: SCALE.rows, log, seed: SEED * 100 + writer } satisfies WriterOrder));
    onTestFinished(() => writers.forEach((one) => one.kill('SIGKILL')));
    const tell = async (line: string): Promise<void> => {
      await Promise.all(
        writers.map(async (one) => {
          one.stdin!.write(`${line}\n`);
          await once(one.stdout!, 'data');
        }),
      );
    };

    let state = SEED;
    const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
    const stages: readonly (readonly [Direction, string, string, string])[] = [
      ['encrypt', files.first, `plain ${files.first}`, files.first],
      ['rotate', files.second, `${files.first} ${files.second}`, files.second],
    ];
    const figures: Record<string, number> = {};
    for (const [direction, ring, during, settled] of stages) {
      const order: JobOrder = { ...common, ring, direction, batch: SCALE.batch, maxRate: SCALE.maxRate };
      await tell(during);
      expect(await killOften(order, kills / 2, random)).toBe(kills / 2);
      // Now every server is a new one; they go on writing while the job comes to its end.
      await tell(settled);
      const report = await startJob({ ...order, maxRate: 1_000_000 }).ended;
      expect(report).toMatchObject({ remaining: 0, unreadable: { count: 0 }, verified: { unreadable: 0 } });
      figures[`${direction}: conflicts`] = report!.conflicts;
      figures[`${direction}: passes`] = report!.passes;
      expect(scratch.sql(`SELECT count(*) FROM t WHERE secret NOT LIKE 'lfv1.${(direction === 'encrypt' ? first : second).active().id}.%'`)).toBe('0');
    }
    for (const one of writers) one.stdin!.write('stop\n');
    await Promise.all(writers.map(async (one) => one.exitCode ?? (await once(one, 'exit'))));

    const oracle = new Map<number, string | null>(Array.from({ length: SCALE.rows }, (_, index) => [index + 1, `initial ${index + 1}`]));
    let writes = 0;
    for (const log of logs) {
      if (!existsSync(log)) continue;
      for (const line of readFileSync(log, 'utf8').split('\n').slice(0, -1)) {
        const { id, value } = JSON.parse(line) as Acknowledged;
        writes++;
        if (value === undefined) oracle.delete(id);
        else oracle.set(id, value);
      }
    }
    const rows = scratch.rows();
    const values = applicationColumn(second, declared).decryptBatch(
      rows.map(([, , secret]) => secret),
      rows.map(([, org]) => ({ org: org! })),
    );
    const stands = new Map(rows.map(([id], index) => [id, values[index]!]));
    const wrong = [...oracle].filter(([id, value]) => stands.get(id) !== value).map(([id]) => id);
    process.stdout.write(`${under.name}: ${SCALE.rows} rows, ${kills} kills, ${writes} acknowledged writes, ${JSON.stringify(figures)}: ${wrong.length} wrong\n`);
    expect(wrong).toEqual([]);
    expect(stands.size).toBe(oracle.size);
    expect(writes).toBeGreaterThan(50);
  },
  deep ? 900_000 : 300_000,
));
