/** One row a job; in it Lockfast's time, and for each contender its time and how many times as fast Lockfast is. */
import { median, type Samples } from './interleave.ts';

export const LOCKFAST = 'Lockfast';

/** Columns, in order. */
const CONTENDERS = ['bare', 'bare + AAD', 'dotenvx', 'age', 'openssl', 'cloak', 'npm fernet', 'Python Fernet', 'Python AESGCM', 'one UPDATE', 'Python rows', 'plain copy', 'one RegExp', '@pinojs/redact', 'secretlint'] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface Aim {
  readonly against: Contender;
  /** Lockfast's rate over the other's. */
  readonly atLeast: number;
}

export interface Row {
  readonly job: string;
  readonly ours: string;
  readonly theirs: ReadonlyMap<Contender, string>;
  readonly verdict: string;
}

export interface Job {
  readonly name: string;
  readonly unit: 'ms' | 'µs' | 'MiB' | 'a second';
  readonly contenders: readonly Contender[];
  readonly aims?: readonly Aim[];
  /** How the rounds become one figure; the median where it is not said. */
  readonly figure?: (times: readonly number[]) => number;
}

export function rowOf({ name, unit, contenders, aims = [], figure }: Job, samples: Samples): Row {
  const ours = samples.of(name, LOCKFAST);
  const theirs = new Map<Contender, string>();
  const ratios = new Map<Contender, number>();
  for (const contender of contenders) {
    const times = samples.of(name, contender);
    if (times.length === 0) {
      theirs.set(contender, 'missing');
      continue;
    }
    // Round against round: both ran within the same moments.
    const ratio = figure === undefined ? median(times.map((time, round) => time / ours[round]!)) : figure(times) / figure(ours);
    ratios.set(contender, ratio);
    theirs.set(contender, `${short(ratio)} x, ${shown((figure ?? median)(times), unit)}`);
  }
  return { job: name, ours: shown((figure ?? median)(ours), unit), theirs, verdict: verdict(aims, ratios) };
}

/** Markdown, with the columns that have anything in them. */
export function printTable(rows: readonly Row[]): string {
  const columns = CONTENDERS.filter((contender) => rows.some(({ theirs }) => theirs.has(contender)));
  const lines = [
    ['job', LOCKFAST, ...columns, 'aims'],
    ...rows.map(({ job, ours, theirs, verdict: aims }) => [job, ours, ...columns.map((column) => theirs.get(column) ?? ''), aims]),
  ];
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  const printed = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`);
  const [head, ...body] = printed;
  return [head!, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n');
}

function verdict(aims: readonly Aim[], ratios: ReadonlyMap<Contender, number>): string {
  const judged = aims.filter(({ against }) => ratios.has(against));
  if (judged.length === 0) return '';
  const missed = judged.filter(({ against, atLeast }) => ratios.get(against)! < atLeast);
  return missed.length === 0 ? 'met' : `missed: ${missed.map(({ against, atLeast }) => `${against} ${short(atLeast)} x`).join(', ')}`;
}

function shown(time: number, unit: string): string {
  return `${time < 100 ? time.toPrecision(3) : time.toFixed(0)} ${unit}`;
}

function short(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(2) : ratio.toFixed(0);
}
