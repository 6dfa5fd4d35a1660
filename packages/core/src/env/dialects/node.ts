import { parseEnv } from 'node:util';
import type { EnvProblem, EnvReading } from './dialect.ts';
import { decodeLossy } from './decoding.ts';
import { forwardFinder, lineNumbers } from './lines.ts';
import { skip, trimEnd } from './whitespace.ts';

/**
 * `util.parseEnv` of the Node that runs this, which is what `--env-file` and `process.loadEnvFile` read too: the values are
 * its answer. Its object has lost two things that are brought back with a scan of our own: the order of the names (it sorts
 * them) and the variable `__proto__`, which `--env-file` does set.
 *
 * Node parses the bytes and decodes after that; decoding first gives the same, since all that it looks for is ASCII.
 */
export function readNode(bytes: Uint8Array): EnvReading {
  const decoded = decodeLossy(bytes);
  const { assignments, problems } = scan(decoded);

  // parseEnv assigns to an ordinary object, where `__proto__ = text` is lost; under a stand-in the variable arrives.
  const substitute = standIn(decoded);
  let text = '';
  let done = 0;
  for (const { name, start, end } of assignments) {
    if (name !== '__proto__') continue;
    text += `${decoded.slice(done, start)}${substitute}`;
    done = end;
  }
  text += decoded.slice(done);

  const read = new Map(Object.entries(parseEnv(text)));
  if (done > 0) rename(read, substitute, '__proto__');

  const variables = new Map<string, string | null>();
  for (const { name } of assignments) {
    const value = read.get(name);
    if (value !== undefined) variables.set(name, value);
  }
  for (const [name, value] of read) variables.set(name, value ?? ''); // whatever a future parseEnv finds more
  return { variables, problems };
}

/** A name that the text does not hold: longer than any of its kind that it does. */
function standIn(text: string): string {
  let longest = '__stand_in_';
  for (const [name] of text.matchAll(/__stand_in_+/g)) if (name.length > longest.length) longest = name;
  return `${longest}_`;
}

function rename(read: Map<string, string | undefined>, from: string, to: string): void {
  const value = read.get(from);
  read.delete(from);
  if (value !== undefined) read.set(to, value);
}

interface Assignment {
  readonly name: string;
  /** Where the name stands. */
  readonly start: number;
  readonly end: number;
}

/** Where Node 24 (src/node_dotenv.cc) finds names, and the lines that it passes over. Nothing depends on it but order and line numbers. */
function scan(whole: string): { assignments: Assignment[]; problems: EnvProblem[] } {
  const text = trimEnd(whole, SPACE);
  const line = lineNumbers(text);
  const assignments: Assignment[] = [];
  const problems: EnvProblem[] = [];
  const finders = new Map([`"`, `'`, '`'].map((quote) => [quote, forwardFinder(text, quote)]));
  const equals = forwardFinder(text, '=');
  const feed = forwardFinder(text, '\n');
  const lineEnd = (from: number): number => {
    const end = feed(from);
    return end === -1 ? text.length : end;
  };

  let at = skip(text, 0, SPACE);
  while (at < text.length) {
    at = skip(text, at, /\r/);
    // Node trims in some places only: behind a quoted or empty value, a comment with blanks before it is a name that begins with `#`.
    const first = text.charAt(at);
    const end = lineEnd(at);
    if (first === '\n' || first === '#') {
      at = end + 1;
      continue;
    }
    const separator = equals(at);
    if (separator === -1 || separator > end) {
      if (text.slice(at, end).trim() !== '') problems.push({ line: line(at), reason: 'no equals sign' });
      at = skip(text, end + 1, SPACE);
      continue;
    }
    const value = skip(text, separator + 1, /\r/);
    const empty = value === text.length || text.charAt(value) === '\n';
    const name = nameBefore(text, at, separator, empty);
    if (name.name === '') problems.push({ line: line(at), reason: 'no variable name' });
    if (name.name.startsWith('export ')) problems.push({ line: line(at), reason: 'an export without a value, which becomes part of the name' });
    at = value;
    if (empty || name.name !== '') assignments.push(name);
    if (empty) {
      at++;
      continue;
    }
    at = skip(text, at, SPACE);
    if (name.name === '') continue; // the rest of the line is read as a line
    const quote = finders.get(text.charAt(at));
    const close = quote?.(at + 1) ?? -1;
    if (quote !== undefined && close === -1) problems.push({ line: line(at), reason: 'an unterminated quote' });
    at = close === -1 ? skip(text, lineEnd(at) + 1, SPACE) : lineEnd(close + 1) + 1;
  }
  return { assignments, problems };
}

/** What Node trims. It drops every carriage return before it starts. */
const SPACE = /[ \t\n\r]/;

function nameBefore(text: string, from: number, until: number, keepExport: boolean): Assignment {
  let start = skip(text, from, SPACE, until);
  let end = until;
  while (end > start && SPACE.test(text.charAt(end - 1))) end--;
  // `export A=` with nothing behind is stored before Node looks for `export`: the variable is named `export A`.
  if (!keepExport && text.slice(start, end).replaceAll('\r', '').startsWith('export ')) {
    start = skip(text, text.indexOf(' ', start), SPACE, end);
  }
  return { name: text.slice(start, end).replaceAll('\r', ''), start, end };
}
