import { isUtf8 } from 'node:buffer';

import type { Dialect, Target } from '../dialects/index.ts';
import { type Entry, isVariableName } from '../document.ts';
import type { Cause } from './cause.ts';
import { unclearEnd } from './comment-behind.ts';
import { causesOf } from './explain.ts';
import { assignmentOf } from './features.ts';
import { type CommonSpelling, commonSpelling } from './spelling.ts';
import { type Outcome, outcomeOf, readAs, sameOutcome, type TargetReading } from './target.ts';

/** Targets that make the same of a variable. */
export interface Group {
  readonly targets: readonly Target[];
  /** It holds the value: nothing that prints it may be shown unasked. */
  readonly outcome: Outcome;
  /** Why it is not what the file's own dialect reads; empty for that one's group. */
  readonly causes: readonly Cause[];
}

export interface VariableReadings {
  readonly name: string;
  /** Where the assignment that counts begins, from 1. */
  readonly line: number;
  /** The file's own dialect first. One group where all targets read alike. */
  readonly groups: readonly Group[];
  /** How all targets would read the value of the file's own dialect alike. It holds the value. */
  readonly spelling: CommonSpelling | undefined;
  /** Where they differ: why a person must say first what the value is, as a clause. Then there is no spelling. */
  readonly unclear: string | undefined;
}

export interface PlacedEntry extends Entry {
  readonly line: number;
}

/** Entries with the lines on which they begin. */
export function placed(entries: readonly Entry[]): PlacedEntry[] {
  let line = 1;
  return entries.map((entry) => {
    const here = { ...entry, line };
    for (const byte of entry.bytes) if (byte === 0x0a) line++;
    return here;
  });
}

/**
 * What each target makes of each variable that the file assigns.
 *
 * Of a target that refuses the file it is told what it makes of each assignment alone: which of them it refuses, and what it
 * would read of the others once that is put right.
 *
 * @param targets the file's own dialect first
 */
export function readVariables(entries: readonly PlacedEntry[], readings: ReadonlyMap<Target, TargetReading>, own: Dialect): VariableReadings[] {
  const assigned = new Map<string, PlacedEntry>();
  for (const entry of entries) if (entry.kind !== 'other') assigned.set(entry.name, entry);
  return [...assigned.values()].map((entry) => {
    const groups = groupsOf(entry, readings, own);
    const unclear = groups.length === 1 ? undefined : unclearOf(entry, groups[0]!.outcome, own);
    return { name: entry.name, line: entry.line, groups, spelling: unclear === undefined ? spellingOf(entry, groups[0]!.outcome, [...readings.keys()]) : undefined, unclear };
  });
}

function unclearOf(entry: PlacedEntry, outcome: Outcome, own: Dialect): string | undefined {
  const assignment = isUtf8(entry.bytes) ? assignmentOf(entry.bytes.toString('utf8')) : undefined;
  return assignment === undefined || outcome.kind !== 'value' ? undefined : unclearEnd(assignment, outcome.value, own);
}

function spellingOf(entry: PlacedEntry, outcome: Outcome, targets: readonly Target[]): CommonSpelling | undefined {
  return outcome.kind === 'value' && isVariableName(entry.name) && isUtf8(entry.bytes) ? commonSpelling(entry.name, outcome.value, targets) : undefined;
}

function groupsOf(entry: PlacedEntry, readings: ReadonlyMap<Target, TargetReading>, own: Dialect): Group[] {
  const groups: { targets: Target[]; outcome: Outcome; causes: readonly Cause[] }[] = [];
  for (const [target, reading] of readings) {
    const outcome = outcomeOf(reading.refusal === undefined ? reading : readAs(entry.bytes, target), entry.name);
    const group = groups.find((one) => sameOutcome(one.outcome, outcome));
    if (group === undefined) groups.push({ targets: [target], outcome, causes: target === own ? [] : causesOf(entry, own, target) });
    else group.targets.push(target);
  }
  return groups;
}
