import type { Cause } from './cause.ts';

/** One assignment, taken apart. `lead + name + equals + value + ending` is its text. */
export interface Assignment {
  readonly mark: string;
  readonly indent: string;
  readonly export: string;
  readonly name: string;
  readonly equals: string;
  /** From the first character behind the equals sign and its blanks to the line ending. */
  readonly value: string;
  readonly ending: string;
}

const PARTS = /^(\ufeff?)([ \t]*)((?:export[ \t]+)?)([A-Za-z0-9_.-]+)([ \t]*=[ \t]*)([^]*?)(\r?\n|)$/;

/** Of the text of an entry that is an assignment; undefined for any other. */
export function assignmentOf(text: string): Assignment | undefined {
  const found = PARTS.exec(text);
  if (found === null) return undefined;
  const [, mark, indent, prefix, name, equals, value, ending] = found as unknown as string[];
  return { mark: mark!, indent: indent!, export: prefix!, name: name!, equals: equals!, value: value!, ending: ending! };
}

export function textOf(assignment: Assignment): string {
  return `${assignment.mark}${assignment.indent}${assignment.export}${assignment.name}${assignment.equals}${assignment.value}${assignment.ending}`;
}

/** Something in an assignment that programs may read differently. */
export interface Feature {
  readonly cause: Cause;
  /** The assignment without it, as alike as can be; the same one where it does not have it. */
  readonly without: (assignment: Assignment) => Assignment;
}

const inValue =
  (change: (value: string, quote: string) => string) =>
  (assignment: Assignment): Assignment => ({ ...assignment, value: change(assignment.value, openingQuote(assignment.value)) });

/** In the order in which they are the likelier explanation. */
export const FEATURES: readonly Feature[] = [
  { cause: 'byte-order-mark', without: (assignment) => ({ ...assignment, mark: '' }) },
  { cause: 'export-prefix', without: (assignment) => ({ ...assignment, export: '' }) },
  { cause: 'name-refused', without: (assignment) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(assignment.name) ? assignment : { ...assignment, name: 'PORTABLE' }) },
  { cause: 'space-at-equals', without: (assignment) => ({ ...assignment, indent: '', equals: '=' }) },
  { cause: 'carriage-return', without: (assignment) => ({ ...assignment, value: assignment.value.replaceAll('\r', ''), ending: assignment.ending.replace('\r', '') }) },
  { cause: 'comment', without: inValue((value, quote) => withoutComment(value, quote).replaceAll('#', 'H')) },
  { cause: 'continuation', without: inValue((value) => value.replaceAll(/\\(?=\n|$)/g, 'B')) },
  { cause: 'escape', without: inValue((value, quote) => value.replaceAll(/\\(?!\n|$)[^]/g, (pair) => (quote !== '' && pair[1] === quote ? 'BQ' : `B${pair[1] === '\\' ? 'B' : pair[1]!}`))) },
  { cause: 'command', without: inValue((value, quote) => (quote === '`' ? value : value.replaceAll('$(', 'DP').replaceAll('`', 'Q'))) },
  { cause: 'expansion', without: inValue((value) => value.replaceAll('$', 'D')) },
  { cause: 'multi-line', without: inValue((value) => value.replaceAll(/\r?\n/g, 'N')) },
  { cause: 'open-quote', without: inValue((value, quote) => (quote !== '' && value.indexOf(quote, 1) === -1 ? `Q${value.slice(1)}` : value)) },
  { cause: 'text-behind', without: inValue((value, quote) => (quote === '' ? value : value.slice(0, closing(value, quote) + 1))) },
  { cause: 'backquotes', without: inValue((value, quote) => (quote === '`' ? value.replaceAll('`', '') : value)) },
  { cause: 'quotes-within', without: inValue(withoutInnerQuotes) },
  { cause: 'trailing-space', without: inValue((value) => value.trimEnd()) },
  { cause: 'blank', without: inValue((value, quote) => (quote === '' ? value.replaceAll(/[ \t](?=[^ \t])/g, '_') : value)) },
  { cause: 'shell-character', without: inValue((value, quote) => (quote === '' ? value.replaceAll(/[;&|<>()~*?![\]{}^]/g, '_') : value)) },
  // oxlint-disable-next-line no-control-regex
  { cause: 'unusual-white-space', without: inValue((value) => value.replaceAll(/[\v\f\u001c-\u001f\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/g, '_')) },
];

/** The quote that the value begins with, or nothing. */
export function openingQuote(value: string): string {
  return /^["'`]/.exec(value)?.[0] ?? '';
}

/** Where the quotes close that the value begins with: by the next one that is not behind a backslash; else the end. */
function closing(value: string, quote: string): number {
  for (let at = 1; at < value.length; at++) {
    if (value[at] === quote) return at;
    if (value[at] === '\\') at++;
  }
  return value.length;
}

/** What follows closed quotes and looks like a comment goes; everywhere else a `#` may belong to the value. */
function withoutComment(value: string, quote: string): string {
  if (quote === '') return value;
  const end = closing(value, quote) + 1;
  return /^[ \t]*#/.test(value.slice(end)) ? value.slice(0, end) : value;
}

function withoutInnerQuotes(value: string, quote: string): string {
  if (quote === '') return value.replaceAll(/["'`]/g, 'Q');
  const end = value.lastIndexOf(quote);
  return end < 1 ? value : `${quote}${value.slice(1, end).replaceAll(/["'`]/g, 'Q')}${value.slice(end)}`;
}
