import { isUtf8 } from 'node:buffer';

import { bareName, type Dialect, nameLines, type Target } from '../dialects/index.ts';
import { splitEntries } from '../document.ts';
import { CAUSES } from './cause.ts';
import { type Finding, inOrder, type Severity } from './finding.ts';
import { STYLES } from './spelling.ts';
import { readAs, type TargetReading } from './target.ts';
import { type Expectations, valueFindings } from './value-findings.ts';
import { type PlacedEntry, placed, readVariables, type VariableReadings } from './variables.ts';

export interface LintRequest {
  /** Whose reading of the file is meant: the one that counts. */
  readonly own: Dialect;
  /** Who else reads it. */
  readonly targets: readonly Target[];
  /** How bad it is that one of them reads something else. */
  readonly differences: Exclude<Severity, 'note'>;
  readonly expectations: Expectations;
}

export interface LintReport {
  /** Whose readings were compared, the file's own dialect first. */
  readonly targets: readonly Target[];
  /** They hold values: see `Group` and `VariableReadings`. */
  readonly variables: readonly VariableReadings[];
  /** The worst first. They hold none. */
  readonly findings: readonly Finding[];
}

/** What each target reads from the bytes of an env file, where they differ and why, and what else is wrong with it. Nothing is executed. */
export function lintEnv(bytes: Uint8Array, { own, targets: asked, differences, expectations }: LintRequest): LintReport {
  const targets = [...new Set<Target>([own, ...asked])];
  const readings = new Map(targets.map((target) => [target, readAs(bytes, target)]));
  const entries = placed(splitEntries(bytes));
  const variables = readVariables(entries, readings, own);
  const found = [
    ...refusals(readings, differences, own),
    ...variables.flatMap((variable) => difference(variable, differences)),
    ...unreadLines(readings, entries, variables, differences),
    ...extraVariables(bytes, readings, entries),
    ...bytesFindings(bytes),
    ...valueFindings(entries, readings.get(own)!.variables, readings.get(own)!.refusal === undefined ? expectations : { ...expectations, required: [], schema: undefined, example: new Map() }),
  ];
  return { targets, variables, findings: inOrder(found) };
}

/** Whether all targets make the same of a variable. */
export function isReadAlike({ groups }: VariableReadings): boolean {
  return groups.length === 1;
}

function refusals(readings: ReadonlyMap<Target, TargetReading>, severity: Severity, own: Dialect): Finding[] {
  return [...readings].flatMap(([target, { refusal }]): Finding[] =>
    refusal === undefined ? [] : [{ kind: 'refused', severity: target === own ? 'error' : severity, line: refusal.line, targets: [target], detail: `refuses the whole file: ${refusal.line === undefined ? 'it' : 'the line'} has ${refusal.reason}` }],
  );
}

function difference(variable: VariableReadings, severity: Severity): Finding[] {
  if (isReadAlike(variable)) return [];
  const [, ...others] = variable.groups;
  const causes = [...new Set(others.flatMap((group) => group.causes))];
  const cure = variable.unclear !== undefined ? variable.unclear : variable.spelling === undefined ? 'no spelling is read alike' : `read alike ${STYLES[variable.spelling.style]}`;
  return [{ kind: 'difference', severity, line: variable.line, name: variable.name, targets: others.flatMap(({ targets }) => targets), detail: `${causes.map((cause) => CAUSES[cause]).join('; ')}; ${cure}` }];
}

/** Lines that a target passes over, unless they belong to a variable that is reported already. */
function unreadLines(readings: ReadonlyMap<Target, TargetReading>, entries: readonly PlacedEntry[], variables: readonly VariableReadings[], severity: Severity): Finding[] {
  const told = new Set(variables.filter((variable) => !isReadAlike(variable)).map(({ name }) => name));
  const starts = entries.map(({ line }) => line);
  const entryAt = (line: number): PlacedEntry | undefined => entries[starts.findLastIndex((start) => start <= line)];
  const found = new Map<string, { line: number; reason: string; targets: Target[] }>();
  for (const [target, { problems }] of readings) {
    for (const { line, reason } of problems) {
      const entry = entryAt(line);
      if (entry !== undefined && entry.kind !== 'other' && told.has(entry.name)) continue;
      const key = `${line} ${reason}`;
      const known = found.get(key);
      if (known === undefined) found.set(key, { line, reason, targets: [target] });
      else if (!known.targets.includes(target)) known.targets.push(target);
    }
  }
  return [...found.values()].map(({ line, reason, targets }): Finding => ({ kind: 'unread-line', severity, line, targets, detail: reason }));
}

/** What some read as a variable and is none of the file's entries: a line within quotes, for whoever knows no such values. */
function extraVariables(bytes: Uint8Array, readings: ReadonlyMap<Target, TargetReading>, entries: readonly PlacedEntry[]): Finding[] {
  const assigned = new Set(entries.filter(({ kind }) => kind !== 'other').map(({ name }) => name));
  const lines = nameLines(bytes);
  const found = new Map<string, Target[]>();
  for (const [target, { variables }] of readings) {
    for (const [name, value] of variables) {
      const bare = bareName(name.replace(/^\ufeff/, ''));
      // A name without a value is told of as a line that is not read.
      if (value !== null && !assigned.has(bare)) found.set(bare, [...(found.get(bare) ?? []), target]);
    }
  }
  // Its name may be a piece of a value.
  return [...found].map(([name, targets]): Finding => ({ kind: 'extra-variable', severity: 'warning', line: lines.get(name), targets, detail: 'read as a variable, which it is not for all' }));
}

function bytesFindings(bytes: Uint8Array): Finding[] {
  const findings: Finding[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const nul = buffer.indexOf(0);
  if (nul !== -1) findings.push({ kind: 'nul', severity: 'error', line: lineAt(buffer, nul), detail: 'a NUL byte, which no environment variable can carry' });
  if (!isUtf8(buffer)) findings.push({ kind: 'not-utf-8', severity: 'warning', detail: 'bytes that are not UTF-8: some refuse them, others replace them' });
  return findings;
}

function lineAt(buffer: Buffer, offset: number): number {
  let line = 1;
  for (const byte of buffer.subarray(0, offset)) if (byte === 0x0a) line++;
  return line;
}
