/**
 * Rounds of one contender after the other, A B C A B C ..., so that whatever else the machine does falls on all of them.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Takes a measured time: of a job, by a contender. */
type Recorder = (job: string, who: string, time: number) => void;

/** One contender's part of a round. Most record one time; a process that times itself records several. */
export type Step = (record: Recorder) => void | Promise<void>;

/** What was measured, in the order of the rounds. */
export class Samples {
  readonly #times = new Map<string, number[]>();

  add(job: string, who: string, time: number): void {
    const key = `${job}\0${who}`;
    const times = this.#times.get(key);
    if (times === undefined) this.#times.set(key, [time]);
    else times.push(time);
  }

  /** Empty where the contender is missing, or does not do this job. */
  of(job: string, who: string): readonly number[] {
    return this.#times.get(`${job}\0${who}`) ?? [];
  }
}

/** @param unrecorded rounds before those that count, for compilers and caches */
export async function interleave(steps: readonly Step[], rounds: number, unrecorded: number): Promise<Samples> {
  const samples = new Samples();
  const collectGarbage = garbageCollector();
  for (let round = -unrecorded; round < rounds; round++) {
    // Every second round backwards: nobody always comes after the same one, which leaves its traces in the caches.
    for (const step of round % 2 === 0 ? steps : steps.toReversed()) {
      // Nobody pays for what the one before left behind.
      collectGarbage();
      await step((job, who, time) => {
        if (round >= 0) samples.add(job, who, time);
      });
    }
  }
  return samples;
}

/** Microseconds for each of `count` calls. The results are kept until the end, as a caller keeps his. */
export function timed<T>(count: number, call: (index: number) => T): number {
  const results: T[] = [];
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index++) results.push(call(index));
  return Number(process.hrtime.bigint() - start) / 1000 / count;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The young generation only: after a few full collections V8 forgets the code of what has not run meanwhile. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
  return () => collect({ type: 'minor' });
}
