/** Which of all cases a run takes: all with LOCKFAST_DEEP=1, else a sample that LOCKFAST_SEED chooses. */

export const deep: boolean = process.env['LOCKFAST_DEEP'] === '1';

export const seed: number = Number(process.env['LOCKFAST_SEED'] ?? 1);

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomNumbers(from: number): () => number {
  let state = from;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns `count` of them, each at most once */
export function sampled<T>(items: readonly T[], count: number, random: () => number = randomNumbers(seed)): T[] {
  const rest = [...items];
  return Array.from({ length: Math.min(count, items.length) }, () => rest.splice(Math.floor(random() * rest.length), 1)[0]!);
}

/** @returns `count` of each kind, or all that there are */
export function sampledOfEach<T>(items: readonly T[], kindOf: (item: T) => string, count: number, random: () => number = randomNumbers(seed)): T[] {
  return [...Map.groupBy(items, kindOf).values()].flatMap((some) => sampled(some, count, random));
}

/** Two at a time: a traced child keeps about one core busy. When one fails, the other stops, too. */
export async function inPairs<T>(items: readonly T[], action: (item: T, index: number) => Promise<void>): Promise<void> {
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await action(next[1], next[0]).catch((error: unknown) => {
        queue.length = 0;
        throw error;
      });
    }
  };
  await Promise.all([worker(), worker()]);
}
