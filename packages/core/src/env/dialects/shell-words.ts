import { MAX_NESTING } from './expansion.ts';
import { endOfAnsiQuote, skipNested } from './shell-nesting.ts';
import { ansiQuoted } from './shell-quoting.ts';

/** A word of bash with its quotes resolved and its references parsed, on bytes (`decodeBytewise`). */
export type Word = readonly Part[];

export type Part =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | { readonly kind: 'reference'; readonly name: string; readonly operator: string; readonly word: Word; readonly quoted: boolean }
  /** Known only to the shell that runs it: a command substitution, arithmetic, a process id. */
  | { readonly kind: 'runtime'; readonly reason: string }
  /** A `${...}` that bash reports as an error when it gets there. */
  | { readonly kind: 'fatal'; readonly reason: string };

/** From here on nothing is read: bash finds a syntax error, or something begins that this grammar leaves out. */
export class ShellStop extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

const ASSIGNMENT = /^[A-Za-z_][A-Za-z0-9_]*\+?=/;

export function isAssignment(word: Word): boolean {
  const first = word[0];
  return first?.kind === 'text' && !first.quoted && ASSIGNMENT.test(first.text);
}

/** The text of a word without quotes and references, else `undefined`. */
export function literal(word: Word): string | undefined {
  const first = word[0];
  return word.length === 1 && first?.kind === 'text' && !first.quoted ? first.text : undefined;
}

/** Reads words from a script, one behind the other. */
export class WordReader {
  readonly length: number;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.length = text.length;
  }

  get offset(): number {
    return this.#at;
  }

  /** The next character or one behind it; empty behind the end. */
  char(ahead = 0): string {
    return this.#text.charAt(this.#at + ahead);
  }

  /** Blanks, continued lines and a comment; not the line feed behind it. */
  skipBlanks(): void {
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char === ' ' || char === '\t') this.#at++;
      else if (char === '\\' && this.#text.charAt(this.#at + 1) === '\n') this.#at += 2;
      else break;
    }
    if (this.#text.charAt(this.#at) === '#') this.match(/[^\n]+/y);
  }

  /** The same pattern with the flag `y` at the current offset; moves behind what it matches. */
  match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** Where an assignment may stand, `name[` is an array element: its subscript goes on to the bracket, over blanks and lines. */
  word(assignable: boolean): Word {
    const parts: Part[] = [];
    const start = this.#at;
    if (assignable && this.#name() !== '') {
      this.#skipContinuations();
      if (this.match(/\[/y) !== '') this.#runtime(parts, start, '[', 'an array element');
      else this.#at = start;
    }
    for (;;) {
      const plain = this.match(/[^\\'"`$ \t\n;&|<>()]+/y);
      if (plain !== '') append(parts, plain, false);
      else if (!this.#quotedOrReference(parts, 0)) return parts;
    }
  }

  /** What a quote, a backslash or a dollar sign begins, outside double quotes; false if none is next. */
  #quotedOrReference(parts: Part[], depth: number): boolean {
    const start = this.#at;
    switch (this.#text.charAt(start)) {
      case '\\':
        this.#at += 2;
        if (start + 1 === this.#text.length) append(parts, '\\', false);
        else if (this.#text.charAt(start + 1) !== '\n') append(parts, this.#text.charAt(start + 1), true);
        return true;
      case "'":
        this.#at = this.#text.indexOf("'", start + 1) + 1;
        if (this.#at === 0) throw new ShellStop(start, 'an unterminated quote');
        append(parts, this.#text.slice(start + 1, this.#at - 1), true);
        return true;
      case '"':
        this.#at++;
        append(parts, '', true);
        this.#double(parts, '"', start, depth);
        return true;
      case '`':
      case '$':
        this.#dollar(parts, false, depth);
        return true;
      default:
        return false;
    }
  }

  /** The inside of double quotes, or of `${...}` within them, and its end. */
  #double(parts: Part[], end: '"' | '}', start: number, depth: number): void {
    for (;;) {
      const plain = this.match(end === '"' ? /[^\\"`$]+/y : /[^\\"'`$}]+/y);
      if (plain !== '') append(parts, plain, true);
      const char = this.#text.charAt(this.#at);
      if (char === '') throw new ShellStop(start, 'an unterminated quote');
      if (char === end) {
        this.#at++;
        return;
      }
      if (char === '\\') {
        const next = this.#text.charAt(this.#at + 1);
        this.#at += 2;
        if (next !== '\n') append(parts, '$`"\\'.includes(next) || next === end ? next : `\\${next}`, true);
      } else if (char === '"') {
        this.#at++; // quotes within a reference within quotes
        this.#double(parts, '"', start, depth);
      } else if (char === "'") {
        // literal, except that bash 5.2 passes over a brace between two of them, and decodes `$'...'`
        throw new ShellStop(start, 'a quote in a default within quotes');
      } else if (char === '`' || char === '$') {
        this.#dollar(parts, true, depth);
      }
    }
  }

  #dollar(parts: Part[], quoted: boolean, depth: number): void {
    const start = this.#at++;
    if (this.#text.charAt(start) === '`') return this.#runtime(parts, start, '`', 'a command substitution');
    this.#skipContinuations();
    const next = this.#text.charAt(this.#at);
    if (next === '(') {
      this.#at++;
      return this.#runtime(parts, start, '(', 'a command substitution or arithmetic');
    }
    if (next === '[') {
      this.#at++;
      return this.#runtime(parts, start, '[', 'arithmetic');
    }
    if (next === '{') {
      this.#at++;
      return this.#braced(parts, quoted, start, depth);
    }
    if (!quoted && next === '"') return;
    if (!quoted && next === "'") {
      const end = endOfAnsiQuote(this.#text, this.#at + 1);
      if (end === undefined) throw new ShellStop(start, 'an unterminated quote');
      append(parts, ansiQuoted(this.#text.slice(this.#at + 1, end)), true);
      this.#at = end + 1;
      return;
    }
    const name = this.#name();
    if (name === '_' || (name === '' && /[$?#!0-]/.test(next))) {
      this.#at += name === '' ? 1 : 0;
      parts.push({ kind: 'runtime', reason: 'a parameter that only the running shell knows' });
    } else if (name !== '') parts.push({ kind: 'reference', name, operator: '', word: [], quoted });
    else if (/[1-9@*]/.test(next)) {
      this.#at++; // an argument, of which there are none
      parts.push({ kind: 'reference', name: next, operator: '', word: [], quoted });
    } else append(parts, '$', quoted);
  }

  /** A name, which a continued line may cut in two. */
  #name(): string {
    let name = '';
    for (;;) {
      let at = this.#at;
      while (this.#text.startsWith('\\\n', at)) at += 2;
      const char = this.#text.charAt(at);
      if (!(name === '' ? /[A-Za-z_]/ : /[A-Za-z0-9_]/).test(char)) return name;
      name += char;
      this.#at = at + 1;
    }
  }

  /** bash drops a backslash with a line feed before it looks at what a word means. */
  #skipContinuations(): void {
    while (this.#text.startsWith('\\\n', this.#at)) this.#at += 2;
  }

  #runtime(parts: Part[], start: number, open: string, reason: string): void {
    const end = skipNested(this.#text, this.#at, open);
    if (end === undefined) throw new ShellStop(start, 'an unterminated substitution');
    this.#at = end;
    parts.push({ kind: 'runtime', reason });
  }

  #braced(parts: Part[], quoted: boolean, start: number, depth: number): void {
    if (depth >= MAX_NESTING) throw new ShellStop(start, 'references that are nested too deeply');
    const inside = this.#at;
    const end = skipNested(this.#text, inside, quoted ? '"{' : '{');
    if (end === undefined) throw new ShellStop(start, 'an unterminated reference');
    const name = this.#name() || this.match(/[1-9][0-9]*|[@*]/y);
    const next = this.#text.charAt(this.#at);
    const operator = this.match(/:?[-+=?]/y);
    if (name !== '' && name !== '_' && next === '}') {
      this.#at++;
      parts.push({ kind: 'reference', name, operator, word: [], quoted });
    } else if (name !== '' && name !== '_' && operator !== '') {
      const word: Part[] = [];
      if (quoted) this.#double(word, '}', start, depth + 1);
      else this.#default(word, start, depth + 1);
      parts.push({ kind: 'reference', name, operator, word, quoted });
    } else {
      this.#at = end;
      const known = /[!?$#0\\_-]/.test(this.#text.charAt(inside)) || /^(?:[#%/^,@[\\]|:[^}])/.test(this.#text.slice(inside + name.length, inside + name.length + 2));
      parts.push(known ? { kind: 'runtime', reason: 'a reference of a kind that only the running shell resolves' } : { kind: 'fatal', reason: 'a bad substitution' });
    }
  }

  /** The word behind an operator, up to the closing brace, outside double quotes. */
  #default(parts: Part[], start: number, depth: number): void {
    for (;;) {
      const plain = this.match(/[^\\'"`$}]+/y);
      if (/[<>]\(|~/.test(plain)) parts.push({ kind: 'runtime', reason: 'a home directory or a process substitution' });
      if (plain !== '') append(parts, plain, false);
      else if (this.#text.charAt(this.#at) === '}') {
        this.#at++;
        return;
      } else if (!this.#quotedOrReference(parts, depth)) throw new ShellStop(start, 'an unterminated reference');
    }
  }
}

function append(parts: Part[], text: string, quoted: boolean): void {
  const last = parts.at(-1);
  if (last?.kind === 'text' && last.quoted === quoted) parts[parts.length - 1] = { kind: 'text', text: last.text + text, quoted };
  else parts.push({ kind: 'text', text, quoted });
}
