import { LockfastError } from '../../errors.ts';
import { decodeLossy } from './decoding.ts';
import type { Dialect, EnvReading } from './dialect.ts';
import { DIALECT_NAMES } from './dialect.ts';
import { readEnv } from './readers.ts';

/** How the dialects read one file, without any value of it. */
export interface DialectComparison {
  /** They read nothing of this file. */
  readonly refusing: readonly Dialect[];
  /** By line; empty when all others read the same. */
  readonly differences: readonly Difference[];
}

export interface Difference {
  /**
   * Absent where it might be a piece of a value: a dialect without multi-line quotes takes a line within them for an assignment.
   * So it is given only if at least half of the dialects know the name.
   */
  readonly name?: string;
  /** Where the name first stands, from 1; absent if no line begins with it. */
  readonly line?: number;
  /** The dialects that do not refuse, those together that read the same value or none. */
  readonly groups: readonly (readonly Dialect[])[];
}

/** Which variables the dialects read differently, to warn before a file is encrypted or moved to another runtime. */
export function compareDialects(bytes: Uint8Array, dialects: readonly Dialect[] = DIALECT_NAMES): DialectComparison {
  const refusing: Dialect[] = [];
  const readings = new Map<Dialect, EnvReading>();
  for (const dialect of dialects) {
    try {
      readings.set(dialect, readEnv(bytes, dialect));
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      refusing.push(dialect);
    }
  }

  const lines = nameLines(bytes);
  const names = new Set([...readings.values()].flatMap(({ variables }) => [...variables.keys()]));
  const differences: Difference[] = [];
  for (const name of names) {
    const groups = agreeing(name, readings);
    if (groups.length < 2) continue;
    const line = lines.get(bareName(name));
    const knowing = [...readings.values()].filter(({ variables }) => variables.has(name)).length;
    const shown = PLAIN_NAME.test(name) && knowing * 2 >= readings.size;
    differences.push({ ...(shown && { name }), ...(line !== undefined && { line }), groups });
  }
  const end = Number.POSITIVE_INFINITY;
  differences.sort((a, b) => (a.line ?? end) - (b.line ?? end) || Number(a.name === undefined) - Number(b.name === undefined));
  return { refusing, differences };
}

/** The names of `compareDialects`, once each. Differences without a name that is safe to show are not among them. */
export function differingNames(bytes: Uint8Array, dialects: readonly Dialect[] = DIALECT_NAMES): string[] {
  return compareDialects(bytes, dialects).differences.flatMap(({ name }) => name ?? []);
}

/** What an encrypted file shows as a name, too. */
const PLAIN_NAME = /^[A-Za-z0-9_.-]+$/;

function agreeing(name: string, readings: ReadonlyMap<Dialect, EnvReading>): Dialect[][] {
  const groups = new Map<string | null | undefined, Dialect[]>();
  for (const [dialect, { variables }] of readings) {
    const value = variables.get(name);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [dialect]);
    else group.push(dialect);
  }
  return [...groups.values()];
}

/** The first line that begins with each name, `export` or not. */
export function nameLines(bytes: Uint8Array): Map<string, number> {
  const lines = new Map<string, number>();
  for (const [index, line] of decodeLossy(bytes).split('\n').entries()) {
    const name = /^[^\S\n]*(?:export[ \t]+)?([^\s=:#]+)/.exec(line)?.[1];
    if (name !== undefined && !lines.has(name)) lines.set(name, index + 1);
  }
  return lines;
}

/** Without what some readers leave before it. */
export function bareName(name: string): string {
  return name.trim().replace(/^export[ \t]+/, '');
}
