/** What a rule remembers from one look to the next: numbers by a name, so that all of it can be kept in one file. */

/** Times in milliseconds, counts, whatever a rule keeps; the last number of each is the time when it last mattered. */
export type RuleMemory = Map<string, readonly number[]>;

/** Notes that something happened to `name`, and gives how often it did within the window, with this time. No more than `most` times are kept. */
export function countWithin(memory: RuleMemory, name: string, time: number, windowMs: number, most: number): number {
  const times = [...(memory.get(name) ?? []), time].filter((one) => one > time - windowMs).toSorted((a, b) => a - b).slice(-most);
  memory.set(name, times);
  return times.length;
}

/** Takes away what is too old to matter. */
export function forgetBefore(memory: RuleMemory, time: number): void {
  for (const [name, numbers] of memory) if ((numbers.at(-1) ?? 0) < time) memory.delete(name);
}
