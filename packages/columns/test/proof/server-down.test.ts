/** The server is shut down in the middle of a job, gently and not, and comes back soon, late, or not in time. */
import { setTimeout as sleep } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { onEachServer } from '../databases/each-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { deep } from './depth.ts';
import { asRefusal, aTableOn, convert, expectWhole, refused } from './proof-scene.ts';

const ROWS = 300;

onEachServer((under, server) => {
  test.each(['fast', 'immediate'] as const)(
    '[W5] the server is shut down (%s) and started again in the middle of jobs: each goes on by itself or says what to do, and nothing is lost',
    async (mode) => {
      const scratch = aTableOn(under, ROWS);
      const ring = await heldRing();
      let target = ring;
      let [borne, again] = [0, 0];
      await convert(scratch, ring, 'encrypt');
      for (let n = 0; n < (deep ? 20 : 1); n++) {
        target = rotatedRing(target);
        let restart: Promise<void> | undefined;
        const from = 20 + ((n * 37) % 200);
        try {
          const report = await convert(scratch, target, 'rotate', {
            maxRate: 400,
            onProgress: ({ changed }) => {
              if (changed >= from) restart ??= server.restart(mode);
            },
          });
          expect(report).toMatchObject({ conflicts: 0, remaining: 0, unreadable: { count: 0 } });
          borne++;
        } catch (error) {
          const { code, hint } = asRefusal(error);
          expect({ code, hint }).toEqual({ code: 'database-unavailable', hint: expect.stringMatching(/run it again/) as string });
          again++;
          await restart;
          expect(await convert(scratch, target, 'rotate')).toMatchObject({ remaining: 0 });
        }
        await restart;
        expectWhole(scratch, target, ROWS);
      }
      process.stdout.write(`${under.name} down (${mode}): ${borne} jobs went on by themselves, ${again} were finished by the same call\n`);
    },
    deep ? 600_000 : 60_000,
  );

  test('[W5] a server that stays away: the job ends within a minute with what to do, and the same call finishes it when it is back', async () => {
    const scratch = aTableOn(under, ROWS);
    const ring = await heldRing();
    let restart: Promise<void> | undefined;
    let back: () => void = () => {};
    const away = new Promise<void>((resolve) => (back = resolve));
    const started = performance.now();
    const { code, message, hint } = await refused(
      convert(scratch, ring, 'encrypt', {
        maxRate: 400,
        onProgress: ({ changed }) => {
          if (changed >= 100) restart ??= server.restart('immediate', async () => await away);
        },
      }),
    );
    expect(performance.now() - started).toBeLessThan(60_000);
    expect({ code, message, hint }).toEqual({ code: 'database-unavailable', message: expect.stringMatching(/can not be reached/) as string, hint: expect.stringMatching(/run it again/) as string });
    // Nor does a new one begin.
    expect((await refused(convert(scratch, ring, 'encrypt'))).code).toBe('database-unavailable');
    back();
    await restart;
    await sleep(10);
    expect(await convert(scratch, ring, 'encrypt')).toMatchObject({ resumed: true, rows: ROWS, remaining: 0 });
    expectWhole(scratch, ring, ROWS);
  }, 90_000);
});
