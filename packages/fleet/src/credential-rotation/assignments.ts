/** A variable where it stands in an env file: once, twice, with `export`, in a comment; and what it takes to change it there. */
import { type Entry, setVariable } from '@lockfast/core/env';
import { type Dialect, readEnv } from '@lockfast/core/env/dialects';
import { LockfastError } from '@lockfast/core/errors';

const NEWLINE = 0x0a;
/** A shorter value occurs in others by chance. */
const SHORTEST_FOUND = 8;

/**
 * With every assignment of `name` set to `value`: the last one is the one that counts, and one that does not count must not
 * keep the old credential. `export`, indentation and line endings stay, and so does every other byte. A line that the
 * dialect reads as no assignment of `name` stays, too.
 *
 * @throws LockfastError `no-such-variable` where there is none; as `setVariable`
 */
export function withValue(entries: readonly Entry[], name: string, value: string, dialect: Dialect): Entry[] {
  if (!entries.some((entry) => counts(entry, name, dialect))) throw notSet(entries, name);
  const set = entries.map((entry) => (counts(entry, name, dialect) ? setVariable([entry], name, value, dialect)[0]! : entry));
  // Sets nothing more: it reads the whole back.
  return setVariable(set, name, value, dialect);
}

/** The values of all assignments of `name` that count as one, in their order. */
export function valuesOf(entries: readonly Entry[], name: string, dialect: Dialect): string[] {
  return entries.filter((entry) => counts(entry, name, dialect)).map((entry) => valueIn(entry, name, dialect)!);
}

/**
 * With the lines of `name` as they were in `kept`, byte for byte.
 *
 * @returns undefined where another number of lines sets it now: nobody can tell which was which
 */
export function withLinesOf(kept: readonly Entry[], entries: readonly Entry[], name: string): Entry[] | undefined {
  const lines = kept.filter((entry) => isNamed(entry, name));
  if (entries.filter((entry) => isNamed(entry, name)).length !== lines.length) return undefined;
  let next = 0;
  return entries.map((entry) => (isNamed(entry, name) ? endedLike(lines[next++]!, entry) : entry));
}

/** The other variables whose values hold this one, as a database's URL holds its password. They must be changed, too. */
export function othersHolding(entries: readonly Entry[], name: string, value: string, dialect: Dialect): string[] {
  if (value.length < SHORTEST_FOUND) return [];
  const holds = (entry: Entry): boolean => entry.kind !== 'other' && entry.name !== name && mayHold(entry, value) && (valueIn(entry, entry.name, dialect)?.includes(value) ?? false);
  return [...new Set(entries.filter(holds).map((entry) => entry.name))];
}

/** Without a quote, an escape or an expansion a value stands in its line as it is: looking for it spares reading the line. */
function mayHold({ bytes }: Entry, value: string): boolean {
  return bytes.includes(value) || /[\\$'"`]/.test(bytes.toString('latin1'));
}

/** Whether the file mentions it in comments alone, as `# NAME=...`. */
export function isOnlyInComment(entries: readonly Entry[], name: string): boolean {
  const mention = new RegExp(String.raw`^\s*#+\s*(?:export\s+)?${name.replaceAll('.', String.raw`\.`)}\s*=`);
  return entries.some(({ kind, bytes }) => kind === 'other' && mention.test(bytes.toString('latin1'))) && !entries.some((entry) => isNamed(entry, name));
}

function counts(entry: Entry, name: string, dialect: Dialect): boolean {
  return isNamed(entry, name) && valueIn(entry, name, dialect) !== undefined;
}

function valueIn({ bytes }: Entry, name: string, dialect: Dialect): string | undefined {
  try {
    return readEnv(bytes, dialect).variables.get(name) ?? undefined;
  } catch (error) {
    if (error instanceof LockfastError) return undefined;
    throw error;
  }
}

function isNamed(entry: Entry, name: string): boolean {
  return entry.kind !== 'other' && entry.name === name;
}

/** A last line without a newline gets one when another line has come behind it. */
function endedLike(line: Entry, present: Entry): Entry {
  return present.bytes.at(-1) === NEWLINE && line.bytes.at(-1) !== NEWLINE ? { ...line, bytes: Buffer.concat([line.bytes, Buffer.from('\n')]) } : line;
}

function notSet(entries: readonly Entry[], name: string): LockfastError {
  return isOnlyInComment(entries, name)
    ? new LockfastError('no-such-variable', `${name} stands in a comment only, which sets nothing`, 'set it with `lockfast env set`, or rotate it where it is set')
    : new LockfastError('no-such-variable', `${name} is not set there`, 'see `lockfast env list` for the names that are');
}
