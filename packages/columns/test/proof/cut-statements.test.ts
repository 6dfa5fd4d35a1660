/**
 * The connection is cut at each statement of a job, before the server sees it and after it was done. LOCKFAST_DEEP=1: at each of all,
 * and pairs; else a sample that LOCKFAST_SEED chooses.
 */
import { LockfastError } from '@lockfast/core/errors';
import { expect, onTestFinished, test } from 'vitest';

import type { ConversionReport, Direction } from '../../src/jobs/index.ts';
import { onEachServer } from '../databases/each-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { chosen, deep } from './depth.ts';
import { NumberedCuts } from './numbered-cuts.ts';
import { asRefusal, aTableOn, convert, convertIn, expectWhole } from './proof-scene.ts';

const ROWS = 60;

onEachServer((under, server) => {
  test.each(['encrypt', 'rotate'] as const)(
    '[W5] %s with the connection cut at any statement, before or after the server did it: no value is lost or encrypted twice, and the same call finishes it',
    async (direction: Direction) => {
      const first = await heldRing();
      const second = rotatedRing(first);
      const ring = direction === 'encrypt' ? first : second;
      const cuts = await NumberedCuts.before(server.port, server.protocol);
      onTestFinished(async () => await cuts.close());
      const scratch = aTableOn(under, ROWS, 'CREATE TABLE original AS SELECT * FROM t');
      if (direction === 'rotate') {
        await convert(scratch, first, 'encrypt');
        scratch.sql('DELETE FROM original; INSERT INTO original SELECT * FROM t');
      }
      const url = scratch.url.replace(/:\d+\//, `:${cuts.port}/`);
      const reset = (): void => {
        scratch.sql('DELETE FROM t; INSERT INTO t SELECT * FROM original');
        scratch.forgetJobs();
      };
      const attempt = async (): Promise<ConversionReport> => {
        const database = await scratch.open(url);
        try {
          return await convertIn(database, ring, direction);
        } finally {
          await database.close();
        }
      };

      reset();
      const before = cuts.seen.length;
      await attempt();
      const statements = cuts.seen.length - before;
      expect(statements).toBeGreaterThan(25);
      const cases = Array.from({ length: statements }, (_, at) => at + 1).flatMap((at) => (['before', 'after'] as const).map((moment) => ({ at, moment })));
      const pairs = deep ? cases.filter((_, n) => n % 3 === 0) : [];
      let [struck, borne, again] = [0, 0, 0];
      for (const { at, moment, twice } of [...chosen(cases, 5).map((one) => ({ ...one, twice: false })), ...pairs.map((one) => ({ ...one, twice: true }))]) {
        reset();
        cuts.forget();
        cuts.cut(at, moment);
        if (twice) cuts.cut(at + 4, moment === 'before' ? 'after' : 'before');
        const said = `${moment} statement ${at}${twice ? ', twice' : ''}`;
        let report: unknown;
        let tries = 1;
        for (; ; tries++) {
          report = await attempt().catch((error: unknown) => error);
          if (!(report instanceof LockfastError)) break;
          // Each cut may end one run, at most.
          expect({ said, code: report.code, hint: report.hint, tries }).toEqual({ said, code: 'database-unavailable', hint: expect.stringMatching(/again/) as string, tries: expect.toBeOneOf([1, ...(twice ? [2] : [])]) as number });
          asRefusal(report);
        }
        struck += cuts.struck.length;
        if (tries === 1) borne++;
        else again++;
        expect(report, `${said}: ${cuts.struck.join('; ')}`).toMatchObject({ rows: ROWS, conflicts: 0, remaining: 0, unreadable: { count: 0 }, verified: { rows: ROWS, unreadable: 0 } });
        expectWhole(scratch, ring, ROWS);
        expect(scratch.checkpoints()).toBe(0);
      }
      process.stdout.write(`${under.name}, ${direction}: ${statements} statements, ${struck} cuts struck in ${borne + again} jobs; ${borne} went on by themselves, ${again} were finished by the same call\n`);
    },
    deep ? 1_200_000 : 60_000,
  );
});
