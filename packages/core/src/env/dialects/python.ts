import type { EnvProblem, EnvReading } from './dialect.ts';
import { decodeStrict, withoutByteOrderMark } from './decoding.ts';
import { FileVariables } from './expansion.ts';
import { forwardFinder, lineNumbers } from './lines.ts';
import { refusal } from './refusal.ts';
import { PYTHON_SPACE, skip, trimEnd } from './whitespace.ts';

/**
 * python-dotenv 1.2.4, `dotenv_values(path, interpolate=True)` with an empty environment. (1.2.2 and older differ: an even
 * number of backslashes before a quote, a quote that closes only behind a backslash, a comment right after `= `, the byte order
 * mark.)
 *
 * Python opens the file as UTF-8 text in universal-newlines mode, so CRLF and a lone CR are line feeds, also in a quoted value.
 *
 * @throws LockfastError `unreadable-env` if the bytes are not UTF-8
 */
export function readPython(bytes: Uint8Array): EnvReading {
  const decoded = decodeStrict(bytes);
  if (decoded === undefined) throw refusal('python', 'bytes that are not UTF-8');
  const text = withoutByteOrderMark(decoded.replaceAll(/\r\n?/g, '\n'));

  const parser = new BindingParser(text);
  const variables = new FileVariables('python');
  for (let binding = parser.next(); binding !== undefined; binding = parser.next()) {
    variables.set(binding.name, binding.value === null ? null : expand(binding.value, variables));
  }
  return { variables: variables.values, problems: parser.problems };
}

interface Binding {
  readonly name: string;
  readonly value: string | null;
}

/** Its `parse_stream`: bindings one after the other; after an error the rest of the line where it arose is skipped. */
class BindingParser {
  readonly problems: EnvProblem[] = [];
  readonly #text: string;
  readonly #line;
  readonly #unterminated = new Set<string>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#line = lineNumbers(text);
  }

  next(): Binding | undefined {
    for (;;) {
      this.#at = skip(this.#text, this.#at, PYTHON_SPACE);
      if (this.#at >= this.#text.length) return undefined;
      const start = this.#at;
      const binding = this.#binding();
      if (typeof binding === 'string') {
        this.problems.push({ line: this.#line(start), reason: binding });
        this.#at = this.#lineEnd() + 1;
      } else if (binding !== null) {
        return binding;
      }
    }
  }

  /** A binding, `null` for a comment, or what is wrong. Leaves the offset where python-dotenv gives up. */
  #binding(): Binding | string | null {
    this.#skipExport();
    const name = this.#name();
    if (name === undefined) return 'no variable name that python-dotenv can read';
    this.#skipBlanks();
    let value: string | null = null;
    if (this.#text.charAt(this.#at) === '=') {
      this.#at++;
      const before = this.#at;
      this.#skipBlanks();
      const read = this.#value(this.#at > before);
      if (read === undefined) return 'an unterminated quote';
      value = read;
    }
    this.#skipBlanks();
    if (this.#text.charAt(this.#at) === '#') this.#at = this.#lineEnd();
    if (this.#at < this.#text.length && this.#text.charAt(this.#at) !== '\n') return 'text after the name or the value';
    this.#at++;
    return name === null ? null : { name, value };
  }

  #name(): string | null | undefined {
    const first = this.#text.charAt(this.#at);
    if (first === '#') return null;
    if (first === "'") {
      const end = this.#text.indexOf("'", this.#at + 1);
      if (end <= this.#at + 1) return undefined;
      const name = this.#text.slice(this.#at + 1, end);
      this.#at = end + 1;
      return name;
    }
    const start = this.#at;
    for (; this.#at < this.#text.length; this.#at++) {
      const char = this.#text.charAt(this.#at);
      if (char === '=' || char === '#' || PYTHON_SPACE.test(char)) break;
    }
    return this.#at > start ? this.#text.slice(start, this.#at) : undefined;
  }

  #value(afterBlank: boolean): string | undefined {
    const first = this.#text.charAt(this.#at);
    if (afterBlank && first === '#') return '';
    if (first === "'" || first === '"') return this.#quoted(first);
    const end = this.#lineEnd();
    const line = this.#text.slice(this.#at, end);
    this.#at = end;
    return trimEnd(withoutComment(line), PYTHON_SPACE);
  }

  #quoted(quote: string): string | undefined {
    // A search that ran to the end of the file once finds nothing from any later quote of that kind either.
    if (this.#unterminated.has(quote)) return undefined;
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text.charAt(end) !== quote) end += this.#text.charAt(end) === '\\' ? 2 : 1;
    if (end >= this.#text.length) {
      this.#unterminated.add(quote);
      return undefined;
    }
    const body = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return quote === "'"
      ? body.replaceAll(/\\([\\'])/g, '$1')
      : body.replaceAll(/\\([\\'"abfnrtv])/g, (_, escaped: string) => ESCAPES.get(escaped) ?? escaped);
  }

  #skipExport(): void {
    const start = this.#at;
    if (!this.#text.startsWith('export', start)) return;
    this.#at += 'export'.length;
    const after = this.#at;
    this.#skipBlanks();
    if (this.#at === after) this.#at = start; // `export=1` and `exported=1` are names
  }

  #skipBlanks(): void {
    while (this.#text.charAt(this.#at) !== '\n' && PYTHON_SPACE.test(this.#text.charAt(this.#at))) this.#at++;
  }

  #lineEnd(): number {
    const end = this.#text.indexOf('\n', this.#at);
    return end === -1 ? this.#text.length : end;
  }
}

const ESCAPES = new Map([['a', '\x07'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'], ['v', '\v']]);

/** In an unquoted value a comment begins at white space before `#`; `#` as the first character is content. */
function withoutComment(line: string): string {
  for (let at = line.indexOf('#', 1); at !== -1; at = line.indexOf('#', at + 1)) {
    if (PYTHON_SPACE.test(line.charAt(at - 1))) return line.slice(0, at);
  }
  return line;
}

/** Its `_posix_variable`: `${name}` and `${name:-default}`, nothing else, also in single quotes; a default is not expanded again. */
function expand(value: string, variables: FileVariables): string {
  if (!value.includes('${')) return value;
  const brace = forwardFinder(value, '}');
  const colon = forwardFinder(value, ':');
  let out = '';
  let done = 0;
  for (let at = value.indexOf('${'); at !== -1; at = value.indexOf('${', at)) {
    const close = brace(at + 2);
    if (close === -1) break;
    const separator = colon(at + 2);
    const hasDefault = separator !== -1 && separator < close;
    if (hasDefault && value.charAt(separator + 1) !== '-') {
      at += 2; // `${a:b}` is text, but what follows may be a reference
      continue;
    }
    const name = value.slice(at + 2, hasDefault ? separator : close);
    const fallback = hasDefault ? value.slice(separator + 2, close) : '';
    out += value.slice(done, at) + (variables.reference(name) ?? fallback);
    done = at = close + 1;
  }
  return out + value.slice(done);
}
