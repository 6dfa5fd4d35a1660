/** Servers of an application write and read through the library while a job rotates: with the ring before it, and with the new one. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import { onEachDatabase } from '../databases/each-database.ts';
import { heldSource } from '../held-ring.ts';
import { deep } from './depth.ts';
import { outputOf, startedJob } from './job-programs.ts';
import { aTableOn, convert, expectWhole, PROVEN } from './proof-scene.ts';

interface Seen {
  readonly failures: Readonly<Record<string, number>>;
  readonly last: Readonly<Record<number, string>>;
  readonly reads: number;
}

onEachDatabase((under) => {
  test(
    '[W4] [W5] a rotation while servers write under the old key and the new one: passes catch what is written behind them, and a server that lacks the new key is refused, never given garbage',
    async () => {
      const rows = deep ? 20_000 : Math.round(1500 / under.share);
      const scratch = aTableOn(under, rows);
      const root = randomBytes(32);
      const old = await KeyRing.create('production', [heldSource(root)]);
      const known = new Set(old.keys.map(({ id }) => id));
      const staged = old.withNewKey();
      const rotated = staged.withActive(staged.keys.find(({ id }) => !known.has(id))!.id);
      const directory = mkdtempSync(join(tmpdir(), 'lockfast-application-'));
      onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
      const start = (name: string, ring: KeyRing, server: number): { readonly begun: Promise<unknown>; stop(): Promise<Seen> } => {
        const file = join(directory, `${name}.json`);
        writeFileSync(file, ring.print());
        const child = startedJob('application-program.ts', { url: scratch.url, ring: file, root: root.toString('base64'), declared: PROVEN, server, rows });
        const begun = once(child.stdout!, 'data');
        const output = outputOf(child);
        return {
          begun,
          stop: async () => {
            child.stdin!.write('stop');
            return JSON.parse((await output).split('\n')[1]!) as Seen;
          },
        };
      };
      await convert(scratch, old, 'encrypt', { batch: 500 });

      // Server 0 was forgotten when the new key was rolled out. Server 1 has it staged and writes under the old one. Server 2 is a new one.
      const servers = [start('forgotten', old, 0), start('staged', staged, 1), start('new', rotated, 2)];
      await Promise.all(servers.map(async ({ begun }) => await begun));
      const during = await convert(scratch, rotated, 'rotate', { batch: 50, maxRate: deep ? rows / 4 : under.server === undefined ? rows / 2 : rows });
      const [forgotten, withStaged] = [await servers[0]!.stop(), await servers[1]!.stop()];
      const last = start('staged', rotated, 1);
      await last.begun;
      const end = await convert(scratch, rotated, 'rotate', { batch: 50 });
      const seen = [forgotten, withStaged, await servers[2]!.stop(), await last.stop()];

      expect(during.conflicts + during.remaining + during.changed).toBeGreaterThan(rows);
      expect(during.passes).toBeGreaterThan(2);
      expect(end).toMatchObject({ remaining: 0, unreadable: { count: 0 } });
      // The forgotten one met rows under a key that it has not, and nothing else went wrong anywhere.
      expect(Object.keys(forgotten.failures)).toEqual(['missing-key']);
      for (const { failures } of seen.slice(1)) expect(failures).toEqual({});
      expectWhole(scratch, rotated, rows, Object.assign({}, ...seen.map((one) => one.last)) as Record<number, string>);
      process.stdout.write(
        `${under.name}, ${rows} rows, three servers: ${seen.map(({ last: written }) => Object.keys(written).length).join('+')} rows written by them, ${seen.reduce((sum, { reads }) => sum + reads, 0)} reads, ` +
          `${forgotten.failures['missing-key']} of the forgotten server refused; ${during.passes} passes, ${during.conflicts} conflicts, ${during.remaining} left for the next run\n`,
      );
    },
    deep ? 600_000 : 60_000,
  );
});
