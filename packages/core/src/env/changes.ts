import type { Entry } from './document.ts';

export interface Change {
  /** A variable's name, or empty for comments, blank lines and other text, which are counted together. */
  readonly name: string;
  readonly what: 'added' | 'removed' | 'changed' | 'moved';
}

/** What happened to the entries from `before` to `after`, in the order of `after`, removals last. Values stay out of it. */
export function changesBetween(before: readonly Entry[], after: readonly Entry[]): Change[] {
  const old = byKey(before);
  const now = byKey(after);
  const changes: Change[] = [];
  for (const [key, entry] of now) {
    const was = old.get(key);
    if (!isNamed(entry)) continue;
    if (was === undefined) changes.push({ name: entry.name, what: 'added' });
    else if (!sameLine(was, entry)) changes.push({ name: entry.name, what: 'changed' });
  }
  const changed = new Set(changes.map(({ name }) => name));
  for (const key of movedKeys(byKey(before.filter(isNamed)), byKey(after.filter(isNamed)))) {
    const { name } = now.get(key)!;
    if (!changed.has(name)) changes.push({ name, what: 'moved' });
  }
  for (const [key, entry] of old) {
    if (isNamed(entry) && !now.has(key)) changes.push({ name: entry.name, what: 'removed' });
  }
  const texts = (entries: readonly Entry[]): string =>
    entries
      .filter((entry) => !isNamed(entry))
      .map((entry) => `${textOf(entry)}\n`)
      .join('');
  const keys = (keyed: ReadonlyMap<string, Entry>): string => [...keyed.keys()].join('\n');
  if (texts(before) !== texts(after)) changes.push({ name: '', what: 'changed' });
  else if (changes.length === 0 && keys(old) !== keys(now)) changes.push({ name: '', what: 'moved' });
  return changes;
}

/** Whether two entries say the same. A last line gets a newline when another follows it: that changes nothing. */
export function sameLine(a: Entry, b: Entry): boolean {
  return textOf(a) === textOf(b);
}

/** The keys of both whose order changed: as few as explain it, so that one line carried to the end is one line moved. */
export function movedKeys(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): string[] {
  const places = new Map([...before.keys()].map((key, i) => [key, i]));
  const common = [...after.keys()].filter((key) => places.has(key));
  const stays = longestRise(common.map((key) => places.get(key)!));
  return common.filter((_, i) => !stays.has(i));
}

/** The positions of a longest increasing subsequence, by patience sorting. */
function longestRise(numbers: readonly number[]): Set<number> {
  const ends: number[] = [];
  const before: (number | undefined)[] = [];
  numbers.forEach((number, at) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[ends[middle]!]! < number) low = middle + 1;
      else high = middle;
    }
    before.push(ends[low - 1]);
    ends[low] = at;
  });
  const rise = new Set<number>();
  for (let at = ends.at(-1); at !== undefined; at = before[at]) rise.add(at);
  return rise;
}

function isNamed({ kind }: Entry): boolean {
  return kind !== 'other';
}

function textOf({ bytes }: Entry): string {
  return bytes.toString('latin1', 0, bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length);
}

/**
 * Entries by what they are: a variable by its name, other text by its bytes, both with a count, since either may
 * stand more than once. The same key in two files means the same line of the user's.
 */
export function byKey(entries: readonly Entry[]): Map<string, Entry> {
  const keyed = new Map<string, Entry>();
  const counts = new Map<string, number>();
  for (const entry of entries) {
    const base = entry.kind === 'other' ? `#${textOf(entry)}` : `=${entry.name}`;
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    keyed.set(`${count} ${base}`, entry);
  }
  return keyed;
}
