import type { EnvProblem, EnvReading } from './dialect.ts';
import { bytesOf, decodeBytewise, decodeStrict } from './decoding.ts';
import { lineNumbers } from './lines.ts';
import type { LineNumbers } from './lines.ts';
import { refusal } from './refusal.ts';
import { find, trimEnd } from './whitespace.ts';

/**
 * systemd 252, `EnvironmentFile=` (`load_env_file` in src/basic/env-file.c): one pass over the bytes with ten states.
 * Three habits surprise: quotes may be followed by more value; an unterminated quote eats the rest of the file; a backslash at
 * the end of a comment continues the comment (until 253; since 254 it does not).
 *
 * `variables` is what the parser reads. The service manager then drops a variable whose name is not `[A-Za-z_][A-Za-z0-9_]*`
 * (`export A`, `A-B`, a name behind a byte order mark); each of those is a problem as well.
 *
 * @throws LockfastError `unreadable-env` for a NUL anywhere and for a name or value that is not UTF-8 as systemd has it
 */
export function readSystemd(bytes: Uint8Array): EnvReading {
  const text = decodeBytewise(bytes);
  const line = lineNumbers(text);
  const nul = text.indexOf('\0');
  if (nul !== -1) throw refusal('systemd', 'a NUL character', line(nul));
  const parser = new Parser(text, line);
  parser.run();
  return { variables: parser.variables, problems: parser.problems };
}

type State = 'pre-key' | 'key' | 'pre-value' | 'value' | 'value-escape' | 'single' | 'double' | 'double-escape' | 'comment' | 'comment-escape';

const SPACE = /[ \t\n\r]/;
const isSpace = (char: string): boolean => char === ' ' || char === '\t' || isNewline(char);
const isNewline = (char: string): boolean => char === '\n' || char === '\r';
/** `SHELL_NEED_ESCAPE`: the characters before which a backslash in double quotes goes. */
const NEEDS_ESCAPE = '"\\`$';

/** What ends a run of characters that mean nothing in that state, for speed: the states alone would do. */
const PLAIN: Partial<Record<State, RegExp>> = { key: /[=\n\r]/g, value: /[\\ \t\n\r]/g, single: /'/g, double: /["\\]/g, comment: /[\\\n\r]/g };

class Parser {
  readonly variables = new Map<string, string | null>();
  readonly problems: EnvProblem[] = [];
  readonly #text: string;
  readonly #line: LineNumbers;
  #state: State = 'pre-key';
  #key = '';
  #keyStart = 0;
  /** Pieces of text; white space comes as pieces of one character. */
  #value: string[] = [];
  /** How many pieces there were before the white space that ends the value so far. */
  #lastSpace = -1;
  #joinsLines = false;

  constructor(text: string, line: LineNumbers) {
    this.#text = text;
    this.#line = line;
  }

  run(): void {
    for (let at = 0; at < this.#text.length; at++) {
      const plain = PLAIN[this.#state];
      if (plain !== undefined) {
        const end = find(this.#text, at, plain);
        if (end > at && this.#state !== 'key' && this.#state !== 'comment') {
          this.#value.push(this.#text.slice(at, end));
          this.#lastSpace = -1;
        }
        at = end;
      }
      if (at < this.#text.length) this.#step(this.#text.charAt(at), at);
    }
    if (this.#state === 'single' || this.#state === 'double' || this.#state === 'double-escape') this.#problem('an unterminated quote');
    if (this.#state === 'key') this.#problem('no equals sign');
    else if (!['pre-key', 'comment', 'comment-escape'].includes(this.#state)) this.#push();
  }

  #step(char: string, at: number): void {
    switch (this.#state) {
      case 'pre-key':
        if (char === '#' || char === ';') this.#state = 'comment';
        else if (!isSpace(char)) {
          this.#state = 'key';
          this.#keyStart = at;
        }
        return;
      case 'key':
        if (isNewline(char)) {
          this.#problem('no equals sign');
          this.#state = 'pre-key';
        } else if (char === '=') {
          this.#key = trimEnd(this.#text.slice(this.#keyStart, at), SPACE);
          this.#state = 'pre-value';
        }
        return;
      case 'pre-value':
        if (isNewline(char)) this.#push();
        else if (char === "'") this.#state = 'single';
        else if (char === '"') this.#state = 'double';
        else if (char === '\\') this.#state = 'value-escape';
        else if (!isSpace(char)) {
          this.#state = 'value';
          this.#value.push(char);
        }
        return;
      case 'value':
        if (isNewline(char)) this.#push();
        else if (char === '\\') {
          this.#state = 'value-escape';
          this.#lastSpace = -1;
        } else {
          if (!isSpace(char)) this.#lastSpace = -1;
          else if (this.#lastSpace === -1) this.#lastSpace = this.#value.length;
          this.#value.push(char);
        }
        return;
      case 'value-escape':
        this.#state = 'value';
        if (isNewline(char)) this.#joinsLines = true;
        else this.#value.push(char);
        return;
      case 'single':
        if (char === "'") this.#state = 'pre-value';
        else this.#value.push(char);
        return;
      case 'double':
        if (char === '"') this.#state = 'pre-value';
        else if (char === '\\') this.#state = 'double-escape';
        else this.#value.push(char);
        return;
      case 'double-escape':
        this.#state = 'double';
        if (NEEDS_ESCAPE.includes(char)) this.#value.push(char);
        else if (char !== '\n') this.#value.push('\\', char);
        return;
      case 'comment':
        if (char === '\\') this.#state = 'comment-escape';
        else if (isNewline(char)) this.#state = 'pre-key';
        return;
      case 'comment-escape':
        if (isNewline(char)) this.#problemAt('a comment that goes on in the next line, since it ends with a backslash', at);
        this.#state = 'comment';
        return;
    }
  }

  #push(): void {
    const pieces = this.#state === 'value' && this.#lastSpace !== -1 ? this.#value.slice(0, this.#lastSpace) : this.#value;
    const name = this.#checked(this.#key);
    const value = this.#checked(pieces.join(''));
    if (name.startsWith('=')) this.#problem('no variable name');
    else {
      this.variables.set(name, value);
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) this.#problem('a name that systemd does not hand to a service');
      else if (this.#joinsLines) this.#problem('a value that goes on in the next line, since its line ends with a backslash');
    }
    this.#state = 'pre-key';
    this.#value = [];
    this.#lastSpace = -1;
    this.#joinsLines = false;
  }

  #checked(bytewise: string): string {
    if (!/[\u0080-\u00FF]/.test(bytewise)) return bytewise;
    const text = decodeStrict(bytesOf(bytewise));
    // Its `unichar_is_valid` has no noncharacters either: U+FDD0 to U+FDEF and the last two of every plane.
    if (text === undefined || new RegExp(String.raw`\p{Noncharacter_Code_Point}`, 'u').test(text)) {
      throw refusal('systemd', 'bytes that are not UTF-8', this.#line(this.#keyStart));
    }
    return text;
  }

  #problem(reason: string): void {
    this.#problemAt(reason, this.#keyStart);
  }

  #problemAt(reason: string, at: number): void {
    this.problems.push({ line: this.#line(at), reason });
  }
}
