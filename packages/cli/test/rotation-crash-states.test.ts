/**
 * A power cut during a rotation, in every state of the disk that its syncs allow: all decrypts, and the next run finishes.
 * SQLite's files (the ledger's) are taken as they are at that moment: that SQLite loses nothing that it said was
 * committed is proven by its own tests. What is ours is the order between them and the rest.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type CrashState, crashStates, lastStates, layOutState, missingForTracing, recordFileOperations } from '@lockfast/testkit';
import { LOCKFAST } from './support/project.ts';
import { Fleet, makeFleet, ROOT_ARGS } from './support/rotation-fleet.ts';
import { expectFinished, expectWhole, openRecords, verifyChain } from './support/rotation-oracle.ts';
import { deep, sampled, seed } from './support/rotation-sample.ts';

const missing = missingForTracing();
const because = missing === undefined ? '' : ` (${missing})`;
const SAMPLE = 3;
/** Of the whole run: more take hours, and most differ in temporary files alone. */
const MOST = 1000;

/** The ledger, and the locks, which are databases that nothing is ever written to. */
function isDatabase(path: string): boolean {
  return /\/(?:ledger\.db|locks\/[^/]*\.db)(?:-wal|-shm|-journal)?$/.test(path);
}

describe.skipIf(missing !== undefined)(`a power cut during a rotation over 20 files${because}`, () => {
  let template: Fleet;
  beforeAll(async () => {
    template = await makeFleet();
  }, 60_000);
  afterAll(() => template[Symbol.dispose]());

  test.for([
    { title: '[E6] [S3] key rotate', args: ['key', 'rotate'] },
    { title: '[E6] [E18] key rotate --root', args: ROOT_ARGS },
  ])('$title: every state that unsynced writes may leave', { timeout: deep ? 7_200_000 : 300_000 }, async ({ title, args }) => {
    using fleet = Fleet.copyOf(template);
    const { project } = fleet;
    const start = fleet.keep('start');
    const { operations, status, stderr } = await recordFileOperations(process.execPath, [LOCKFAST, ...args], { cwd: project.directory, env: project.env, paths: [project.base] });
    expect(status, stderr).toBe(0);
    const states = [...crashStates(project.base, start, operations, isDatabase)];
    // The recording is whole: its last state is what the run left.
    const end = fleet.keep('end');
    expect(await stateOf(fleet, states.at(-1)!), 'the recording').toEqual(await stateOf(fleet, end));

    // Row 16: what it reported as done, no power cut takes back; but for the checkpoint's and the locks' own directories, which are made once.
    expect(lastStates(project.base, start, operations, isDatabase).map(({ name }) => name)).toEqual([`after ${operations.length} operations`]);

    const chosen = sampled(states, deep ? MOST : SAMPLE);
    let open = 0;
    for (const [i, state] of chosen.entries()) {
      layOut(fleet, state);
      await expectWhole(fleet, state.name);
      if (openRecords(fleet).length > 0) open += 1;
      const again = await project.run(['key', 'rotate'], { patience: 120_000 });
      expect(again.status, `${state.name}: ${again.stderr}`).toBe(0);
      await expectFinished(fleet, state.name);
      if (i % 100 === 99) process.stdout.write(`${title}: ${i + 1} of ${chosen.length}\n`);
    }
    process.stdout.write(`${title}: ${operations.length} operations, ${chosen.length} of ${states.length} disk states, seed ${seed}; after ${open} of them it was open\n`);
  });
});

/** SQLite makes its shared memory anew; the command's own file is of no rotation. */
function layOut(fleet: Fleet, state: CrashState): void {
  const entries = new Map([...state.entries].filter(([path]) => !path.endsWith('-shm')));
  layOutState({ ...state, entries }, fleet.project.base);
}

/** What stands where, by content, but for the databases. */
async function stateOf(fleet: Fleet, from: CrashState | string): Promise<unknown> {
  if (typeof from === 'string') fleet.restore(from);
  else layOut(fleet, from);
  const tree = Object.entries(fleet.project.tree()).filter(([path]) => !/ledger\.db|locks|^\/bin/.test(path));
  return { tree, entries: verifyChain(fleet, 'the recording').entries.length };
}
