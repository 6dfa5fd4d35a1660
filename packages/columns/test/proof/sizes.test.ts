/** Values as large as they may be, tables as long as they get, and rows that never stop coming. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import type { ConversionReport } from '../../src/jobs/index.ts';
import { onEachDatabase } from '../databases/each-database.ts';
import { heldRing, heldSource, rotatedRing } from '../held-ring.ts';
import { chosen, deep } from './depth.ts';
import { outputOf, startedJob } from './job-programs.ts';
import { aTableOn, asRead, CANARY, convert, expected, expectWhole, notCurrent, PROVEN } from './proof-scene.ts';

async function inProcess(url: string, direction: 'encrypt' | 'rotate', flags: readonly string[]): Promise<ConversionReport & { readonly peakKiB: number }> {
  const root = randomBytes(32);
  const ring = await KeyRing.create('production', [heldSource(root)]);
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-sizes-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'ring.json');
  writeFileSync(file, ring.print());
  const child = startedJob('job-program.ts', { url, ring: file, root: root.toString('base64'), declared: PROVEN, direction, batch: 1000 }, flags);
  return JSON.parse(await outputOf(child)) as ConversionReport & { readonly peakKiB: number };
}

onEachDatabase((under) => {
  test('[W3] memory is flat: a table of ten times the rows takes no more', async () => {
    const [few, many] = deep ? [20_000, 200_000] : [4000, Math.round(40_000 / under.share)];
    const peaks: number[] = [];
    for (const rows of [few, many]) {
      const scratch = aTableOn(under, rows);
      const report = await inProcess(scratch.url, 'encrypt', ['--max-semi-space-size=4']);
      expect(report).toMatchObject({ rows, changed: rows, remaining: 0 });
      peaks.push(report.peakKiB);
      process.stdout.write(`${under.name}, ${rows} rows: ${Math.round(report.peakKiB / 1024)} MiB at most, ${Math.round(rows / (report.ms / 1000))} rows/s\n`);
    }
    expect(peaks[1]! - peaks[0]!).toBeLessThan(60 * 1024);
  }, deep ? 300_000 : 60_000);

  test('[W3] values of many MiB each are encrypted and rotated, a page at a time', async () => {
    const [rows, size] = deep ? [6, 2 ** 24] : [2, 2 ** 22];
    const scratch = aTableOn(under, rows);
    // What does not compress, one byte short of what a value may have at most.
    const session = await scratch.session();
    for (let id = 1; id <= rows; id++) await session.query('UPDATE t SET secret = ? WHERE id = ?', [`${CANARY} ${randomBytes(size).toString('base64url')}`.slice(0, size - 16), id]);
    const original = scratch.sql('SELECT md5(secret) FROM t ORDER BY id');
    const ring = await heldRing();
    const next = rotatedRing(ring);
    const started = performance.now();
    expect(await convert(scratch, ring, 'encrypt', { batch: 1000 })).toMatchObject({ changed: rows, conflicts: 0, remaining: 0, unreadable: { count: 0 } });
    expect(await convert(scratch, next, 'rotate', { batch: 1000 })).toMatchObject({ changed: rows, conflicts: 0, remaining: 0, unreadable: { count: 0 } });
    expect(notCurrent(scratch, next)).toBe(0);
    expect(await convert(scratch, next, 'decrypt', { batch: 1000 })).toMatchObject({ changed: rows, conflicts: 0 });
    expect(scratch.sql('SELECT md5(secret) FROM t ORDER BY id')).toBe(original);
    process.stdout.write(`${under.name}, ${rows} values of ${size / 2 ** 20} MiB: ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at most, ${Math.round((performance.now() - started) / 1000)} s for three jobs\n`);
  }, deep ? 600_000 : 90_000);

  test('[W5] rows that are added faster than they are converted: the job ends, and says what is left', async () => {
    const few = deep ? 100 : 50;
    const scratch = aTableOn(under, few);
    const ring = await heldRing();
    const app = await scratch.session();
    const stop = new AbortController();
    let last = few;
    const adding = (async () => {
      while (!stop.signal.aborted) {
        await app.query(`INSERT INTO t SELECT n + ${last}, 'new', concat('org ', (n + ${last}) % 3), concat('${CANARY} ', n + ${last}) FROM ${under.series(20)}`);
        last += 20;
        await sleep(45);
      }
    })();
    const report = await convert(scratch, ring, 'encrypt', { batch: few / 2, maxRate: 400 });
    stop.abort();
    await adding;
    expect(report.passes).toBeLessThanOrEqual(10);
    expect(report.unreadable.count).toBe(0);
    expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ remaining: 0 });
    expectWhole(scratch, ring, last);
    process.stdout.write(`${under.name}, ${last - few} rows were added meanwhile: ${report.passes} passes, ${report.remaining} left\n`);
  }, 60_000);

  test('[W5] a batch of any size gives the same table', async () => {
    const rows = 57;
    const scratch = aTableOn(under, rows, 'CREATE TABLE original AS SELECT * FROM t');
    const ring = await heldRing();
    for (const batch of chosen([1, 2, 3, 7, 19, 56, 57, 58, 1000], 3)) {
      scratch.sql('DELETE FROM t; INSERT INTO t SELECT * FROM original');
      expect(await convert(scratch, ring, 'encrypt', { batch })).toMatchObject({ rows, changed: rows });
      expect(asRead(scratch, ring)).toEqual(expected(rows));
    }
  });
});
