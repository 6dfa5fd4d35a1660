/**
 * A rotation over 20 files, killed or refused by the disk at each of its file-changing calls; and its recovery, too.
 * A seeded sample, everything with LOCKFAST_DEEP=1; docs/rotation-faults.md has the figures of the last whole run.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Fault, FAULTS, type FileCall, missingForTracing, strike, traceFileCalls, type Trial } from '@lockfast/testkit';
import { LOCKFAST } from './support/project.ts';
import { Fleet, makeFleet, ROOT_ARGS } from './support/rotation-fleet.ts';
import { expectFinished, expectWhole, openRecords, records, temporaryFiles, verifyChain } from './support/rotation-oracle.ts';
import { deep, inPairs, randomNumbers, sampled, seed } from './support/rotation-sample.ts';

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;

/** In a sample: faults of one rotation, and pairs of them. */
const SAMPLE = 3;
const PAIRS = 3;
/** In the whole run: so many first faults, each with so many second ones. */
const FIRST_FAULTS = 100;
const SECOND_FAULTS = 11;

const PLAIN_ARGS: readonly string[] = ['key', 'rotate', '--reason', 'fault trial'];

interface Case {
  readonly call: FileCall;
  readonly fault: Fault;
}

interface Attempt extends Trial {
  readonly fleet: Fleet;
}

describe.skipIf(missing !== undefined)(`a rotation over 20 files${because}`, () => {
  let template: Fleet;
  beforeAll(async () => {
    template = await makeFleet();
  }, 60_000);
  afterAll(() => template[Symbol.dispose]());

  test.for([
    { title: '[E6] [S3] key rotate', args: PLAIN_ARGS },
    { title: '[E6] [E18] key rotate --root', args: ROOT_ARGS },
  ])('$title: struck at every file-changing call, all decrypts, and the next run finishes', { timeout: deep ? 7_200_000 : 300_000 }, async ({ title, args }) => {
    const { cases, calls } = await casesOf(() => attempt(Fleet.copyOf(template), args));
    const chosen = sampled(cases, deep ? cases.length : SAMPLE);
    const counts = { open: 0, old: 0, done: 0 };
    await inPairs(chosen, async ({ call, fault }, i) => {
      const name = `${fault} at ${call.index}: ${call.text}`;
      const run = await strike(() => attempt(Fleet.copyOf(template), args), call, fault);
      using fleet = run.trial.fleet;
      expectAnswer(run, fault, fleet, name, []);
      await expectWhole(fleet, name);
      counts[stateOf(fleet)] += 1;
      await finish(fleet, name, i % 3 === 0);
      if (i % 100 === 99) process.stdout.write(`${title}: ${i + 1} of ${chosen.length}\n`);
    });
    process.stdout.write(`${title}: ${calls.length} calls, ${chosen.length} of ${cases.length} faults; after them ${counts.old} as before, ${counts.open} open, ${counts.done} done\n`);
  });

  test('[E6] [E18] struck again while it recovers: pairs of faults', { timeout: deep ? 7_200_000 : 300_000 }, async () => {
    const random = randomNumbers(seed + 1);
    const stories = await Promise.all([PLAIN_ARGS, ROOT_ARGS].map(async (args) => ({ args, cases: (await casesOf(() => attempt(Fleet.copyOf(template), args))).cases })));
    const firsts = Array.from({ length: deep ? FIRST_FAULTS : PAIRS / 3 }, () => {
      const { args, cases } = stories[Math.floor(random() * 2)]!;
      return { args, first: cases[Math.floor(random() * cases.length)]!, seconds: random() };
    });
    let pairs = 0;
    await inPairs(firsts, async ({ args, first, seconds }) => {
      const run = await strike(() => attempt(Fleet.copyOf(template), args), first.call, first.fault);
      using fleet = run.trial.fleet;
      // What the first fault left is the beginning of each second one, at the same place: records name their files.
      const kept = fleet.keep('struck');
      const left = temporaryFiles(fleet);
      const again = (): Attempt => {
        fleet.restore(kept);
        return attempt(fleet, ['key', 'rotate']);
      };
      const { cases } = await casesOf(again);
      for (const { call, fault } of sampled(cases, deep ? SECOND_FAULTS : 3, randomNumbers(seconds * 2 ** 31))) {
        const name = `${first.fault} at ${first.call.index}: ${first.call.text}, then ${fault} at ${call.index}: ${call.text}`;
        const second = await strike(again, call, fault);
        expectAnswer(second, fault, fleet, name, left);
        await expectWhole(fleet, name);
        await finish(fleet, name, false);
        pairs += 1;
        if (pairs % 100 === 0) process.stdout.write(`[E6] faults in the recovery: ${pairs} pairs so far\n`);
      }
    });
    process.stdout.write(`[E6] faults in the recovery: ${pairs} pairs, seed ${seed}\n`);
  });
});

async function casesOf(prepare: () => Attempt): Promise<{ readonly cases: readonly Case[]; readonly calls: readonly FileCall[] }> {
  const trial = prepare();
  const { calls, status, stderr } = await traceFileCalls(trial.command, trial.args, trial);
  expect(status, stderr).toBe(0);
  await expectFinished(trial.fleet, 'without a fault');
  return { calls, cases: calls.flatMap((call) => FAULTS.map((fault) => ({ call, fault }))) };
}

function attempt(fleet: Fleet, args: readonly string[]): Attempt {
  const { directory, env, base } = fleet.project;
  return { fleet, command: process.execPath, args: [LOCKFAST, ...args], cwd: directory, env, paths: [base] };
}

/** A kill leaves what the next run sweeps when it gets there; an error is told, in a person's words, and leaves nothing. @param left what a kill before left */
function expectAnswer(run: { signal: NodeJS.Signals | null; status: number | null; stderr: string }, fault: Fault, fleet: Fleet, name: string, left: readonly string[]): void {
  if (fault === 'KILL') {
    expect(run.signal, name).toBe('SIGKILL');
    return;
  }
  expect(run.signal, name).toBeNull();
  expect(run.stderr, name).not.toContain('defect');
  expect(temporaryFiles(fleet).filter((path) => !left.includes(path)), name).toEqual([]);
}

function stateOf(fleet: Fleet): 'open' | 'old' | 'done' {
  if (openRecords(fleet).length > 0) return 'open';
  return records(fleet).length > 0 ? 'done' : 'old';
}

/** Runs it again, whatever its arguments were; and once more, which finds nothing left. */
async function finish(fleet: Fleet, name: string, onceMore: boolean): Promise<void> {
  const [open] = openRecords(fleet);
  const dangling = verifyChain(fleet, name).open;
  const again = await fleet.project.run(['key', 'rotate'], { patience: 120_000 });
  expect([again.status, again.signal], `${name}: ${again.stderr}`).toEqual([0, null]);
  expect(again.stderr.includes('finishing the rotation'), name).toBe(open !== undefined);
  await expectFinished(fleet, name);
  const { entries } = verifyChain(fleet, name);
  for (const intent of dangling) expect(entries.find((entry) => entry.intent === intent)?.outcome, `${name}: intent ${intent}`).toBe('interrupted');
  if (open !== undefined && open.root !== null) expect(fleet.sources, name).toEqual([open.root.source]);
  if (!onceMore) return;
  const keys = (await fleet.ring()).keys.length;
  const last = await fleet.project.run(['key', 'rotate', '--json'], { patience: 120_000 });
  expect([last.status, (JSON.parse(last.stdout) as { files: number }).files], `${name}: ${last.stderr}`).toEqual([0, 20]);
  await expectFinished(fleet, name);
  expect((await fleet.ring()).keys, name).toHaveLength(keys + 1);
}
