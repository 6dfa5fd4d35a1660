import { LockfastError } from '../errors.ts';
import { byKey, movedKeys, sameLine } from './changes.ts';
import type { Entry } from './document.ts';
import { encryptEnvFile, type EnvScope, type OpenedEnvFile } from './env-cipher.ts';
import type { Clock } from '../ports.ts';

export interface EntryMerge {
  readonly entries: readonly Entry[];
  /** Names that both sides changed, differently. Where one side must win, it did. */
  readonly conflicts: readonly string[];
}

export type Side = 'ours' | 'theirs';

/**
 * A three-way merge by entry: what one side alone changed, added or removed is taken. The order is that of `ours`, or of
 * `theirs` where that side alone moved lines; what the other side added stands after the line that it follows there.
 *
 * @param prefer which side wins a conflict; both are listed in `conflicts` either way
 */
export function mergeEntries(base: readonly Entry[], ours: readonly Entry[], theirs: readonly Entry[], prefer: Side = 'ours'): EntryMerge {
  const [before, left, right] = [byKey(base), byKey(ours), byKey(theirs)];
  const conflicts: string[] = [];
  const contested = contestedNames(base, ours, theirs);
  const decide = (key: string): Entry | undefined => {
    const [was, one, other] = [before.get(key), left.get(key), right.get(key)];
    const { name } = (one ?? other ?? was)!;
    if (contested.has(name)) {
      if (!conflicts.includes(name)) conflicts.push(name);
      return prefer === 'ours' ? one : other;
    }
    if (sameEntry(one, other) || sameEntry(was, other)) return one;
    if (sameEntry(was, one)) return other;
    conflicts.push(name);
    return prefer === 'ours' ? one : other;
  };
  const onlyTheirsMoved = movedKeys(before, left).length === 0 && movedKeys(before, right).length > 0;
  const [leading, following] = onlyTheirsMoved ? [right, left] : [left, right];
  const entries: Entry[] = [];
  for (const [key, additions] of additionsAfter(leading, following)) {
    for (const one of key === undefined ? additions : [key, ...additions]) {
      const entry = decide(one);
      if (entry !== undefined) entries.push(entry);
    }
  }
  return { entries: endEveryLine(entries), conflicts };
}

/**
 * Variables that both sides changed, and that one of them sets more or fewer times than before. Line by line nothing would
 * stand against the other there, and the last line of one side would hide what the other one set.
 */
function contestedNames(base: readonly Entry[], ours: readonly Entry[], theirs: readonly Entry[]): ReadonlySet<string> {
  const [before, left, right] = [linesOf(base), linesOf(ours), linesOf(theirs)];
  const same = (a: readonly Entry[] = [], b: readonly Entry[] = []): boolean => a.length === b.length && a.every((entry, i) => sameLine(entry, b[i]!));
  const isContested = (name: string): boolean => {
    const [was, one, other] = [before.get(name), left.get(name), right.get(name)];
    const counts = new Set([was, one, other].map((lines) => lines?.length ?? 0));
    return counts.size > 1 && !same(one, other) && !same(was, one) && !same(was, other);
  };
  return new Set([...left.keys(), ...right.keys()].filter(isContested));
}

function linesOf(entries: readonly Entry[]): Map<string, Entry[]> {
  return Map.groupBy(entries.filter(({ kind }) => kind !== 'other'), ({ name }) => name);
}

/** Each key of `leading` in order, the place before the first one as `undefined`, with the keys of `following` alone that stand after it there. */
function additionsAfter(leading: ReadonlyMap<string, Entry>, following: ReadonlyMap<string, Entry>): Map<string | undefined, string[]> {
  const places = new Map<string | undefined, string[]>([[undefined, []]]);
  for (const key of leading.keys()) places.set(key, []);
  let place: string | undefined;
  for (const key of following.keys()) {
    if (leading.has(key)) place = key;
    else places.get(place)!.push(key);
  }
  return places;
}

/**
 * Merges three versions of one encrypted file, each of them verified already. The revision is one above the highest, unless
 * the sides are one file.
 *
 * @throws LockfastError `older-revision` when a side is older than the base: then it is no descendant of it
 */
export function mergeFiles(base: OpenedEnvFile, ours: OpenedEnvFile, theirs: OpenedEnvFile, prefer: Side, scope: EnvScope, clock?: Clock): { bytes: Buffer; conflicts: readonly string[] } {
  for (const side of [ours, theirs]) {
    if (side.header.revision < base.header.revision) {
      throw new LockfastError(
        'older-revision',
        `a side of the merge has revision ${side.header.revision}, its base ${base.header.revision}`,
        'an old copy was put back on that side: merge from the right commit, or take one side whole with git checkout',
      );
    }
  }
  if (ours.bytes.equals(theirs.bytes)) return { bytes: ours.bytes, conflicts: [] };
  const { entries, conflicts } = mergeEntries(base.entries, ours.entries, theirs.entries, prefer);
  const revisionAbove = Math.max(ours.header.revision, theirs.header.revision);
  // One side alone is derived with the tenant's own secret: what came under it does not leave it.
  const renewed = ours.header.tenantSecret !== theirs.header.tenantSecret;
  return { bytes: encryptEnvFile({ entries, previous: ours, revisionAbove, renewed, alsoKeep: [theirs] }, scope, clock), conflicts };
}

function sameEntry(a: Entry | undefined, b: Entry | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameLine(a, b);
}

/** A last line without a newline may have come to stand in the middle. */
function endEveryLine(entries: readonly Entry[]): Entry[] {
  return entries.map((entry, i) =>
    i < entries.length - 1 && entry.bytes.at(-1) !== 0x0a ? { ...entry, bytes: Buffer.concat([entry.bytes, Buffer.from('\n')]) } : entry,
  );
}
