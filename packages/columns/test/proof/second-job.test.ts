/** Two jobs at one column: the second is refused; a job whose connection is lost goes on. */
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { onEachDatabase } from '../databases/each-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { deep } from './depth.ts';
import { aTableOn, convert, expectWhole, PROVEN, refused } from './proof-scene.ts';

const ROWS = 400;

onEachDatabase((under) => {
  test('[W5] a second job is refused while the first runs, of any kind and from anywhere; the first is not disturbed', async () => {
    const scratch = aTableOn(under, ROWS);
    const ring = await heldRing();
    const begun = new AbortController();
    const stop = new AbortController();
    const first = convert(scratch, ring, 'encrypt', { maxRate: 10, signal: stop.signal, onProgress: () => begun.abort() });
    while (!begun.signal.aborted) await sleep(10);
    // Each waits for a moment: all at once. By other names, too: with its schema, and as another column's id.
    const others = [
      ...(deep ? (['encrypt', 'rotate', 'decrypt'] as const) : (['decrypt'] as const)).map(async (direction) => await refused(convert(scratch, rotatedRing(ring), direction))),
      refused(convert(scratch, ring, 'encrypt', {}, { ...PROVEN, id: 'proof.other', table: under.anotherName })),
    ];
    for (const { code, message } of await Promise.all(others)) {
      expect(code).toBe('busy');
      expect(message).toMatch(/another job works on/);
    }
    // A dry run writes nothing, and needs no lock.
    expect(await convert(scratch, ring, 'encrypt', { dryRun: true })).toMatchObject({ rows: ROWS });
    stop.abort();
    expect(await first).toMatchObject({ interrupted: true, conflicts: 0 });
    expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ resumed: true, changed: ROWS, conflicts: 0 });
    expectWhole(scratch, ring, ROWS);
  });

  if (under.server === undefined) return;
  test('[W5] the connections of a job are ended by the server again and again: it goes on, and counts each row once', async () => {
    const scratch = aTableOn(under, ROWS);
    const ring = await heldRing();
    let cuts = 0;
    let next = 50;
    const report = await convert(scratch, ring, 'encrypt', {
      onProgress: ({ changed }) => {
        if (changed < next) return;
        next += 50;
        cuts++;
        scratch.cutJobs();
      },
    });
    expect(report).toMatchObject({ rows: ROWS, changed: ROWS, conflicts: 0, remaining: 0 });
    expect(cuts).toBeGreaterThan(5);
    expectWhole(scratch, ring, ROWS);
  });
});
