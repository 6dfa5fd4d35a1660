import type { EnvProblem, EnvReading } from './dialect.ts';
import { TemplateError, substitute } from './compose-template.ts';
import { decodeLossy, withoutByteOrderMark } from './decoding.ts';
import { FileVariables } from './expansion.ts';
import { lineNumbers } from './lines.ts';
import { refusal } from './refusal.ts';
import { GO_SPACE, skip, trimEnd } from './whitespace.ts';

/**
 * Docker Compose `env_file:` and `.env`, compose-go v2.13 (package dotenv). `$X` expands without quotes and in double quotes,
 * `\n` and the like are escapes in double quotes, `NAME: value` is an assignment, a comment needs a space before `#`. A name
 * without a value is taken from the environment of Compose; here that is `null`, and an earlier value stands.
 *
 * @throws LockfastError `unreadable-env` where Compose refuses the file: a character that no name has, an unterminated quote,
 *   an invalid reference
 */
export function readCompose(bytes: Uint8Array): EnvReading {
  const parser = new Parser(withoutByteOrderMark(decodeLossy(bytes)));
  while (parser.statement());
  return { variables: parser.variables.values, problems: parser.problems };
}

/** Its `isSpace`: white space within a line. */
const BLANK = /[\t\v\f\r \u0085\u00A0]/;
/** `unicode.IsLetter`, `unicode.IsNumber` and five more. */
/** Made when it is needed: V8 reads Unicode's tables for a literal already when it parses the file. */
let nameCharacter: RegExp | undefined;

function nameCharacterAt(text: string, at: number): number | undefined {
  nameCharacter ??= new RegExp(String.raw`[\p{L}\p{N}_.\-[\]]`, 'uy');
  nameCharacter.lastIndex = at;
  return nameCharacter.exec(text)?.[0].length;
}

class Parser {
  readonly variables = new FileVariables('compose');
  readonly problems: EnvProblem[] = [];
  readonly #text: string;
  readonly #line;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#line = lineNumbers(text);
  }

  /** Reads one statement; false at the end of the file. */
  statement(): boolean {
    const start = this.#statementStart();
    if (start === undefined) return false;
    // `export`, if white space follows; a line feed counts, and then an empty name follows
    this.#at = /^export[\t\n\f\r ]/.test(this.#text.slice(start, start + 7)) ? skip(this.#text, start + 6, BLANK) : start;
    const { name, ending } = this.#name(start);
    if (name.includes(' ')) throw refusal('compose', 'a space in a variable name', this.#line(start));
    if (name === '' && ending !== '\n') this.#problem(start, 'no variable name');
    this.#at = skip(this.#text, this.#at, BLANK);
    if (ending !== '\n') {
      this.variables.set(name, this.#value(start));
    } else if (name !== '') {
      if (!this.variables.has(name)) this.variables.set(name, null);
      this.#problem(start, 'a name without a value, which Compose takes from its own environment');
    }
    return true;
  }

  #statementStart(): number | undefined {
    for (;;) {
      const at = skip(this.#text, this.#at, GO_SPACE);
      if (at === this.#text.length) return undefined;
      if (this.#text.charAt(at) !== '#') return at;
      const feed = this.#text.indexOf('\n', at);
      if (feed === -1) return undefined;
      this.#at = feed;
    }
  }

  /** At the end of the file there is no ending: what looks like a name is then the value of a nameless variable. */
  #name(start: number): { name: string; ending: string } {
    for (let at = this.#at; at < this.#text.length; ) {
      const char = this.#text.charAt(at);
      if (char === '=' || char === ':' || char === '\n') {
        const name = trimEnd(this.#text.slice(this.#at, at), GO_SPACE);
        this.#at = at + 1;
        return { name, ending: char };
      }
      const length = BLANK.test(char) ? 1 : nameCharacterAt(this.#text, at);
      if (length === undefined) throw refusal('compose', 'a character that no variable name has', this.#line(start));
      at += length;
    }
    return { name: '', ending: '' };
  }

  #value(start: number): string {
    const quote = this.#text.charAt(this.#at);
    if (quote === '"' || quote === "'") {
      const body = this.#quoted(quote, start);
      return quote === '"' ? this.#substitute(withEscapes(body), start) : body;
    }
    const feed = this.#text.indexOf('\n', this.#at);
    const line = this.#text.slice(this.#at, feed === -1 ? this.#text.length : feed);
    this.#at = feed === -1 ? this.#text.length : feed + 1;
    const comment = line.indexOf(' #');
    return this.#substitute(trimEnd(comment === -1 ? line : line.slice(0, comment), GO_SPACE), start);
  }

  /** A backslash before the quote goes, any other stays with the character behind it. */
  #quoted(quote: string, start: number): string {
    const from = this.#at + 1;
    let end = from;
    while (end < this.#text.length && this.#text.charAt(end) !== quote) end += this.#text.charAt(end) === '\\' ? 2 : 1;
    if (end >= this.#text.length) throw refusal('compose', 'an unterminated quote', this.#line(start));
    this.#at = end + 1;
    return this.#text.slice(from, end).replaceAll(/\\([^])/g, (both, escaped: string) => (escaped === quote ? quote : both));
  }

  #substitute(value: string, start: number): string {
    try {
      return substitute(value, this.variables);
    } catch (error) {
      if (error instanceof TemplateError) throw refusal('compose', error.message, this.#line(start));
      throw error;
    }
  }

  #problem(at: number, reason: string): void {
    this.problems.push({ line: this.#line(at), reason });
  }
}

const ESCAPES = new Map([['a', '\x07'], ['b', '\b'], ['f', '\f'], ['n', '\n'], ['r', '\r'], ['t', '\t'], ['v', '\v'], ['"', '"'], ['\\', '\\'], ['$', '$$']]);

/** `expandEscapes`: Go's escapes, octal behind a zero, and `\$` as `$$` for the substitution that follows. `\c` is left as it is. */
function withEscapes(body: string): string {
  return body.replaceAll(/\\(?:[abcfnrtv$"\\]|0[0-9]{0,3})/g, (match) => {
    const escaped = match.slice(1);
    if (!escaped.startsWith('0')) return ESCAPES.get(escaped) ?? match;
    const code = /^[0-3][0-7]{2}$/.test(escaped.slice(1)) ? Number.parseInt(escaped.slice(1), 8) : undefined;
    return code === undefined ? `\\${escaped.slice(1)}` : String.fromCharCode(code);
  });
}
