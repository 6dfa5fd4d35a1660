/** Rewrites the spelling of an env file, and of nothing but the lines that need it, until all targets read it as its own dialect does. */
import { isUtf8 } from 'node:buffer';

import type { Dialect, Target } from '../dialects/index.ts';
import { type Entry, isVariableName, printEntries, splitEntries } from '../document.ts';
import type { SpellingStyle } from '../spellings.ts';
import { commentBehind, unclearEnd } from './comment-behind.ts';
import { assignmentOf } from './features.ts';
import { commonSpelling, isReadAs } from './spelling.ts';
import { outcomeOf, readAs, sameOutcome, type TargetReading } from './target.ts';
import { type PlacedEntry, placed } from './variables.ts';

/** One line that is spelled anew. */
export interface Respelled {
  readonly name: string;
  /** Where it stood, from 1. */
  readonly line: number;
  readonly style: SpellingStyle;
  /** Whether the comment behind the value went to a line of its own, above. */
  readonly commentMoved: boolean;
}

export interface Respelling {
  /** In place of the file's entries: all that is not respelled is as it was. */
  readonly entries: readonly Entry[];
  readonly respelled: readonly Respelled[];
  /** Names that the targets still read differently, where they stood, and why nothing was done. */
  readonly left: readonly { readonly name: string; readonly line: number; readonly reason: string }[];
}

/** The replacement of one entry: itself, or what it is spelled as, with its comment before it. */
interface Change {
  readonly at: number;
  readonly becomes: readonly Entry[];
  readonly told: Respelled | undefined;
}

const IN_THE_WAY = 'another line of the file gets in the way';
const NO_SPELLING = 'no spelling of its value is read alike by all';

/**
 * The values are those that the file's own dialect reads, and it reads the same ones from the result: that, and that no
 * target reads any of them worse than before, the readers have shown of the whole result before it is returned. Where a
 * line can't be changed without that, it stays.
 *
 * @param own must not refuse the file: then nothing is respelled
 */
export function respell(entries: readonly Entry[], own: Dialect, asked: readonly Target[]): Respelling {
  const targets = [...new Set<Target>([own, ...asked])];
  const before = readingsOf(entries, targets);
  const reasons = new Map<string, string>();
  const lines = new Map<string, number>(placed(entries).flatMap(({ kind, name, line }) => (kind === 'other' ? [] : [[name, line] as const])));
  const unchanged = (): Respelling => ({ entries, respelled: [], left: leftOver(lines, before, own, reasons) });
  if (before.get(own)!.refusal !== undefined) return unchanged();

  const changes = [...changesOf(placed(entries), before, own, targets, reasons)];
  if (changes.length === 0) return unchanged();
  const kept = keepsAll(apply(entries, changes), before, own, targets) ? changes : oneByOne(entries, changes, before, own, targets, reasons);
  const result = splitEntries(printEntries(apply(entries, kept)));
  return {
    entries: result,
    respelled: kept.flatMap(({ told }) => told ?? []),
    left: leftOver(lines, readingsOf(result, targets), own, reasons),
  };
}

function readingsOf(entries: readonly Entry[], targets: readonly Target[]): Map<Target, TargetReading> {
  const bytes = printEntries(entries);
  return new Map(targets.map((target) => [target, readAs(bytes, target)]));
}

function* changesOf(entries: readonly PlacedEntry[], before: ReadonlyMap<Target, TargetReading>, own: Dialect, targets: readonly Target[], reasons: Map<string, string>): Generator<Change> {
  const times = new Map<string, number>();
  for (const { kind, name } of entries) if (kind !== 'other') times.set(name, (times.get(name) ?? 0) + 1);
  const dropsReturns = entries.some((entry) => mindsReturn(entry, own, targets));
  const eol = !dropsReturns && entries.some(({ bytes }) => bytes.toString('latin1').endsWith('\r\n')) ? '\r\n' : '\n';
  for (const [at, entry] of entries.entries()) {
    if (entry.kind === 'other') {
      const text = entry.bytes.toString('latin1');
      if (dropsReturns && text.endsWith('\r\n')) yield { at, becomes: splitEntries(Buffer.from(`${text.slice(0, -2)}\n`, 'latin1')), told: undefined };
      continue;
    }
    // Of a name that stands several times, each line has a value of its own.
    const reading = times.get(entry.name) === 1 ? before.get(own)! : readAs(printEntries(entries.slice(0, at + 1)), own);
    const outcome = outcomeOf(reading, entry.name);
    if (outcome.kind !== 'value') continue;
    if (isReadAs(withEnd(entry.bytes), entry.name, outcome.value, targets)) continue;
    // An open quote may reach over lines that are entries of their own: they would stay, beside the value that holds them.
    const alone = outcomeOf(readAs(entry.bytes, own), entry.name);
    if (!sameOutcome(alone, outcome) && !sameOutcome(outcomeOf(readAs(printEntries(entries.slice(0, at + 1)), own), entry.name), outcome)) {
      reasons.set(entry.name, IN_THE_WAY);
      continue;
    }
    const change = respelledEntry(entry, outcome.value, own, targets, eol);
    if (typeof change === 'string') reasons.set(entry.name, change);
    else yield { at, ...change };
  }
}

function withEnd(bytes: Buffer): Buffer {
  return bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
}

/** Whether a carriage return at the end of this line stays in the value for one of them, and not for its own dialect. */
function mindsReturn({ kind, name, bytes }: PlacedEntry, own: Dialect, targets: readonly Target[]): boolean {
  if (kind === 'other' || !bytes.toString('latin1').endsWith('\r\n')) return false;
  const keeps = (target: Target): boolean => {
    const outcome = outcomeOf(readAs(bytes, target), name);
    return outcome.kind === 'value' && outcome.value.endsWith('\r');
  };
  return !keeps(own) && targets.some(keeps);
}

/** @returns why not, as a clause */
function respelledEntry(entry: PlacedEntry, value: string, own: Dialect, targets: readonly Target[], eol: string): Pick<Change, 'becomes' | 'told'> | string {
  if (!isVariableName(entry.name) || !isUtf8(entry.bytes)) return NO_SPELLING;
  const assignment = assignmentOf(entry.bytes.toString('utf8'));
  if (assignment === undefined) return NO_SPELLING;
  const unclear = unclearEnd(assignment, value, own);
  if (unclear !== undefined) return unclear;
  const { comment: behind } = commentBehind(assignment, value, own);
  // As much of what stood before it as they bear; the indentation means nothing to any.
  const leads = new Set([`${assignment.mark}${assignment.export}`, assignment.export, assignment.mark, '']);
  for (const [lead, ending] of [...leads].flatMap((one) => [...new Set([eol, '\n'])].map((end) => [one, end] as const))) {
    const spelling = commonSpelling(entry.name, value, targets, lead, ending);
    if (spelling === undefined) continue;
    const comment = behind === '' ? [] : splitEntries(Buffer.from(`${behind}${eol}`, 'utf8'));
    return {
      becomes: [...comment, ...splitEntries(Buffer.from(`${spelling.text}${assignment.ending === '' ? '' : ending}`, 'utf8'))],
      told: { name: entry.name, line: entry.line, style: spelling.style, commentMoved: behind !== '' },
    };
  }
  return NO_SPELLING;
}

function apply(entries: readonly Entry[], changes: readonly Change[]): Entry[] {
  const becomes = new Map(changes.map((change) => [change.at, change.becomes]));
  return entries.flatMap((entry, at) => becomes.get(at) ?? [entry]);
}

/** Own reads the same, name by name and in order; nobody reads worse what they read right, refuses what they took, or finds more. */
function keepsAll(result: readonly Entry[], before: ReadonlyMap<Target, TargetReading>, own: Dialect, targets: readonly Target[]): boolean {
  const right = before.get(own)!.variables;
  const after = readingsOf(result, targets);
  const now = [...after.get(own)!.variables];
  if (after.get(own)!.refusal !== undefined || now.length !== right.size) return false;
  if ([...right].some(([name, value], i) => now[i]![0] !== name || now[i]![1] !== value)) return false;
  return targets.every((target) => {
    const [old, read] = [before.get(target)!, after.get(target)!];
    if (old.refusal === undefined && read.refusal !== undefined) return false;
    if ([...right].some(([name, value]) => old.variables.get(name) === value && read.variables.get(name) !== value)) return false;
    return old.refusal !== undefined || [...read.variables.keys()].every((name) => old.variables.has(name) || right.has(name));
  });
}

/** Where the changes together break something, those that do not alone. */
function oneByOne(entries: readonly Entry[], changes: readonly Change[], before: ReadonlyMap<Target, TargetReading>, own: Dialect, targets: readonly Target[], reasons: Map<string, string>): Change[] {
  const kept: Change[] = [];
  for (const change of changes) {
    if (keepsAll(apply(entries, [...kept, change]), before, own, targets)) kept.push(change);
    else if (change.told !== undefined) reasons.set(change.told.name, IN_THE_WAY);
  }
  return kept;
}

function leftOver(lines: ReadonlyMap<string, number>, readings: ReadonlyMap<Target, TargetReading>, own: Dialect, reasons: ReadonlyMap<string, string>): Respelling['left'] {
  return [...lines].flatMap(([name, line]) => {
    const right = outcomeOf(readings.get(own)!, name);
    const alike = [...readings.values()].every((reading) => reading.refusal !== undefined || sameOutcome(outcomeOf(reading, name), right));
    const reason = reasons.get(name);
    if (alike && reason === undefined) return [];
    return [{ name, line, reason: reason ?? (right.kind === 'value' ? IN_THE_WAY : `${own} reads no value of it`) }];
  });
}
