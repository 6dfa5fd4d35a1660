import type { EnvProblem, EnvReading } from './dialect.ts';
import { decodeLossy } from './decoding.ts';
import { forwardFinder, lineNumbers } from './lines.ts';
import { find, skip } from './whitespace.ts';

/**
 * npm dotenv 17, `parse(buffer)`: no references, escapes only `\n` and `\r` and only after a leading double quote.
 *
 * dotenv finds assignments with one backtracking regular expression over the whole text; here the same choices are made in
 * linear time. What that expression implies: white space around `=` may hold line feeds; a value goes on over lines only if it
 * begins with a quote whose partner is followed by nothing or a comment; a partner behind a backslash is the second choice.
 * dotenv collects into an object and so loses a variable `__proto__`; it is kept here.
 */
export function readDotenv(bytes: Uint8Array): EnvReading {
  const text = decodeLossy(bytes).replaceAll(/\r\n?/g, '\n');
  const line = lineNumbers(text);
  const quotes = new Quotes(text);
  const variables = new Map<string, string | null>();
  const problems: EnvProblem[] = [];

  let lineStart = 0;
  while (lineStart < text.length) {
    const start = skip(text, lineStart, SPACE);
    const found = assignment(text, start);
    if (found === undefined) {
      if (start < text.length && text.charAt(start) !== '#') problems.push({ line: line(start), reason: 'no assignment' });
      lineStart = nextLine(text, start);
      continue;
    }
    const quoteAt = skip(text, found.value, SPACE);
    const close = quotes.close(quoteAt);
    if (close === undefined && quotes.isQuote(quoteAt) && !/\n/.test(text.slice(found.value, quoteAt))) {
      problems.push({ line: line(start), reason: 'an unterminated quote' });
    }
    const end = close === undefined ? plainEnd(text, found.value) : close + 1;
    variables.set(found.name, unquote(text.slice(found.value, end).trim()));
    // The match ends before a line end (or at the end of the text), so the next line is the next place to look.
    lineStart = nextLine(text, matchEnd(text, end) ?? end);
  }
  return { variables, problems };
}

/** `\s`, and the line ends of `^` and `$` with the flag `m`. */
const SPACE = /\s/;
const LINE_END = /[\n\r\u2028\u2029]/;
const NEXT_LINE_END = /[\n\r\u2028\u2029]/g;

/** `(?:export\s+)?([\w.-]+)(?:\s*=|:\s)`; `value` is where the value may begin. */
function assignment(text: string, start: number): { name: string; value: number } | undefined {
  if (text.startsWith('export', start)) {
    const afterExport = start + 'export'.length;
    const name = skip(text, afterExport, SPACE);
    const found = name > afterExport ? nameAndSeparator(text, name) : undefined;
    if (found !== undefined) return found;
  }
  return nameAndSeparator(text, start);
}

function nameAndSeparator(text: string, start: number): { name: string; value: number } | undefined {
  const end = skip(text, start, /[\w.-]/);
  if (end === start) return undefined;
  const name = text.slice(start, end);
  if (text.charAt(end) === ':') return SPACE.test(text.charAt(end + 1)) ? { name, value: end + 2 } : undefined;
  const separator = skip(text, end, SPACE);
  return text.charAt(separator) === '=' ? { name, value: separator + 1 } : undefined;
}

/** `[^#\r\n]+`, or nothing: this choice always leads to a match. */
function plainEnd(text: string, from: number): number {
  return find(text, from, /[#\n]/g);
}

/** `\s*(?:#.*)?$` from `from`: where the match ends, `undefined` if there is none. */
function matchEnd(text: string, from: number): number | undefined {
  const end = skip(text, from, SPACE);
  if (end === text.length) return end;
  if (text.charAt(end) === '#') return find(text, end, NEXT_LINE_END);
  for (let at = end - 1; at >= from; at--) if (LINE_END.test(text.charAt(at))) return at;
  return undefined;
}

function nextLine(text: string, from: number): number {
  return find(text, from, NEXT_LINE_END) + 1;
}

/** Where a quoted value closes. */
class Quotes {
  readonly #text: string;
  readonly #kinds = new Map<string, { unescaped: (from: number) => number; closing: readonly number[] }>();

  constructor(text: string) {
    this.#text = text;
  }

  isQuote(at: number): boolean {
    const char = this.#text.charAt(at);
    return char !== '' && `'"\``.includes(char);
  }

  /**
   * The partner of the quote at `open`. `(?:\\'|[^'])*'` prefers the first one without a backslash before it, if a line can
   * end there; else backtracking finds the last one with a backslash, before it, where a line can end.
   */
  close(open: number): number | undefined {
    if (!this.isQuote(open)) return undefined;
    const { unescaped, closing } = this.#kind(this.#text.charAt(open));
    const first = unescaped(open + 1);
    const last = lastAtMost(closing, first === -1 ? this.#text.length : first);
    return last !== undefined && last > open ? last : undefined;
  }

  #kind(quote: string): { unescaped: (from: number) => number; closing: readonly number[] } {
    let kind = this.#kinds.get(quote);
    if (kind === undefined) {
      const closing: number[] = [];
      for (let at = this.#text.indexOf(quote); at !== -1; at = this.#text.indexOf(quote, at + 1)) {
        if (matchEnd(this.#text, at + 1) !== undefined) closing.push(at);
      }
      kind = { unescaped: unescapedFinder(this.#text, quote), closing };
      this.#kinds.set(quote, kind);
    }
    return kind;
  }
}

function unescapedFinder(text: string, quote: string): (from: number) => number {
  const bare = text.replaceAll(`\\${quote}`, '\\\\'); // same length, without the quotes behind a backslash
  return forwardFinder(bare, quote);
}

function lastAtMost(sorted: readonly number[], limit: number): number | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}

function unquote(value: string): string {
  const bare = withoutQuotes(value);
  return value.startsWith('"') ? bare.replaceAll('\\n', '\n').replaceAll('\\r', '\r') : bare;
}

/**
 * `value.replace(/^(['"`])([\s\S]*)\1$/gm, '$2')`: with the flag `m` a pair may also begin at a later line, and its second
 * quote is the last one in the value that ends a line.
 */
function withoutQuotes(value: string): string {
  const last = new Map<string, number>();
  for (let end = 0; end < value.length; end++) {
    end = find(value, end, NEXT_LINE_END);
    last.set(value.charAt(end - 1), end - 1);
  }
  let out = '';
  let done = 0;
  for (let start = 0; start < value.length; start = find(value, start, NEXT_LINE_END) + 1) {
    const end = `'"\``.includes(value.charAt(start)) ? last.get(value.charAt(start)) : undefined;
    if (end === undefined || end <= start) continue;
    out += value.slice(done, start) + value.slice(start + 1, end);
    done = start = end + 1;
  }
  return out + value.slice(done);
}
