import type { EnvProblem, EnvReading } from './dialect.ts';
import { bytesOf, decodeBytewise, decodeLossy } from './decoding.ts';
import { FileVariables } from './expansion.ts';
import { lineNumbers } from './lines.ts';
import { refusal } from './refusal.ts';
import type { Command } from './shell-grammar.ts';
import { ShellParser } from './shell-grammar.ts';
import type { Word } from './shell-words.ts';
import { ShellStop, isAssignment, literal } from './shell-words.ts';

/**
 * bash 5.2, `set -a; . file`, started without an environment; nothing is run. Assignments and `export` are carried out; a line
 * with any other command is a problem, and so is a value that only running something would tell: its variable is left out, and
 * every variable that refers to it. At a syntax error bash stops reading, and so does this; it also stops where a compound command
 * (`if`, `{`, a function, an array) begins, which bash would run.
 *
 * A value is decoded as UTF-8 with U+FFFD for other bytes, which bash would hand on as they are.
 *
 * @throws LockfastError `unreadable-env` at `${X:?}` on an unset variable, which ends the shell that reads the file
 */
export function readShell(bytes: Uint8Array): EnvReading {
  const text = decodeBytewise(bytes).replaceAll('\0', ''); // `.` drops every NUL
  const run = new Run(text);
  const parser = new ShellParser(text);
  try {
    for (let commands = parser.line(); commands !== undefined; commands = parser.line()) {
      run.line(commands);
    }
  } catch (error) {
    if (!(error instanceof ShellStop)) throw error;
    run.problem(error.offset, `${error.message}; nothing from here on is read`);
  }
  return { variables: run.variables(), problems: run.problems };
}

/** An error after which bash goes on with the next line: a bad substitution, an assignment to a read-only variable. */
class LineDiscarded extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

/** Assigning these is an error; assigning those gives them another value than the one written. */
const READ_ONLY = new Set(['BASHOPTS', 'BASH_VERSINFO', 'EUID', 'PPID', 'SHELLOPTS', 'UID']);
const SELF_CHANGING = new Set([
  '_', 'BASHPID', 'BASH_ARGV0', 'BASH_COMMAND', 'BASH_SUBSHELL', 'COMP_WORDBREAKS', 'DIRSTACK', 'EPOCHREALTIME', 'EPOCHSECONDS', 'FUNCNAME',
  'GROUPS', 'HISTCMD', 'LINENO', 'RANDOM', 'SECONDS', 'SRANDOM',
]);

/** Commands that set or unset the variables that they name (`export` as such is carried out), and commands after which nothing is read. */
const DECLARING = new Set(['declare', 'export', 'getopts', 'let', 'local', 'mapfile', 'printf', 'read', 'readarray', 'readonly', 'typeset', 'unset']);
const ENDING = new Set(['exec', 'exit', 'return']);

/** A word with its references resolved, or why that takes a shell. */
type Value = { readonly text: string } | { readonly unknown: string };

class Run {
  readonly problems: EnvProblem[] = [];
  readonly #line;
  readonly #known = new FileVariables('shell');
  /** Set by something that was not run. */
  readonly #unknown = new Set<string>();
  readonly #order = new Set<string>();

  constructor(text: string) {
    this.#line = lineNumbers(text);
  }

  variables(): Map<string, string | null> {
    const variables = new Map<string, string | null>();
    for (const name of this.#order) {
      const value = this.#known.values.get(name);
      if (typeof value === 'string') variables.set(name, decodeLossy(bytesOf(value)));
    }
    return variables;
  }

  problem(offset: number, reason: string): void {
    this.problems.push({ line: this.#line(offset), reason });
  }

  line(commands: readonly Command[]): void {
    try {
      for (const command of commands) this.#command(command);
    } catch (error) {
      if (!(error instanceof LineDiscarded)) throw error;
      this.problem(error.offset, error.message);
    }
  }

  #command(command: Command): void {
    const { assignments, words, start } = command;
    if (command.background) return this.problem(start, 'a command that the shell runs in the background');
    if (command.entangled) {
      for (const word of [...assignments, ...words]) if (isAssignment(word)) this.#forget(target(word).name);
      return this.problem(start, 'a pipeline, a conditional list or a redirection');
    }
    if (assignments.length === 0 && literal(words[0] ?? []) === 'export') return this.#export(words.slice(1), start);
    // Before it runs a command the shell resolves its words, and with them `${X:=value}` and errors. Words may vanish by that.
    const left = words.filter((word) => !vanishes(word, this.#value(word, false, start)));
    if (left.length === 0) {
      for (const word of assignments) this.#assign(word, start);
      return;
    }
    for (const word of assignments) this.#value(word, false, start);
    const name = left[0]?.every((part) => part.kind === 'text') === true ? left[0].map((part) => (part.kind === 'text' ? part.text : '')).join('') : undefined;
    if (name !== undefined && ENDING.has(name)) throw new ShellStop(start, 'a command that ends the reading');
    if (name !== undefined && !DECLARING.has(name)) return this.problem(start, 'a line that the shell runs as a command');
    // Such a command sets or unsets what it names; or its own name comes out of a reference; or `A[0]=1` is none.
    for (const word of [...assignments, ...words]) {
      const named = isAssignment(word) ? target(word).name : literal(word);
      if (named !== undefined) this.#forget(named);
    }
    this.problem(start, 'a line that only the running shell understands');
  }

  #assign(word: Word, start: number): void {
    const { name, appends, rest } = target(word);
    if (READ_ONLY.has(name)) throw new LineDiscarded(start, 'an assignment to a read-only variable of the shell');
    this.#store(name, appends, this.#value(rest, true, start), start);
  }

  /** All words are resolved before the first is assigned: `export A=1 B=$A` does not give B the new A. */
  #export(words: readonly Word[], start: number): void {
    const operands = literal(words[0] ?? []) === '--' ? words.slice(1) : words;
    if (words.some((word) => /^[-+]/.test(literal(word) ?? '') && literal(word) !== '--')) return this.problem(start, 'an option of export');
    const ready: { name: string; appends: boolean; value: Value }[] = [];
    for (const word of operands) {
      if (isAssignment(word)) {
        const { name, appends, rest } = target(word);
        const value = bracesExpand(rest) ? { unknown: 'a brace expansion' } : this.#value(rest, true, start);
        ready.push({ name, appends, value });
        continue;
      }
      const operand = literal(word) !== undefined || word.every(staysOneWord) ? this.#value(word, false, start) : undefined;
      const found = operand !== undefined && 'text' in operand ? /^([A-Za-z_][A-Za-z0-9_]*)(?:(\+?)=([^]*))?$/.exec(operand.text) : null;
      if (found === null) {
        this.problem(start, 'an export of something that is no name');
        // Whatever it comes to, it may set what it begins with.
        const begins = word[0]?.kind === 'text' ? /^[A-Za-z_][A-Za-z0-9_]*/.exec(word[0].text)?.[0] : undefined;
        if (begins !== undefined && operand === undefined) this.#forget(begins);
      }
      else if (found[3] !== undefined) ready.push({ name: found[1] ?? '', appends: found[2] === '+', value: { text: found[3] } });
    }
    for (const { name, appends, value } of ready) {
      if (READ_ONLY.has(name)) this.problem(start, 'an assignment to a read-only variable of the shell');
      else this.#store(name, appends, value, start);
    }
  }

  #store(name: string, appends: boolean, value: Value, start: number): void {
    if ('unknown' in value || (appends && this.#unknown.has(name))) {
      this.problem(start, 'unknown' in value ? value.unknown : 'an addition to a value that is not known');
      this.#forget(name);
    } else if (SELF_CHANGING.has(name)) {
      this.problem(start, 'a variable that the shell sets itself');
      this.#forget(name);
    } else {
      this.#order.add(name);
      this.#unknown.delete(name);
      this.#known.set(name, `${appends ? (this.#known.reference(name) ?? '') : ''}${value.text}`);
    }
  }

  #forget(name: string): void {
    this.#unknown.add(name);
    this.#known.delete(name);
  }

  #value(word: Word, tilde: boolean, start: number): Value {
    let out = '';
    let unknown: string | undefined; // the rest is resolved all the same: it may set a variable, or be an error
    for (const [index, part] of word.entries()) {
      if (part.kind === 'fatal') throw new LineDiscarded(start, part.reason);
      if (part.kind === 'runtime') unknown ??= part.reason;
      else if (part.kind === 'reference') {
        const value = this.#reference(part, start);
        if ('unknown' in value) unknown ??= value.unknown;
        else out += value.text;
      } else {
        // `~` at the front or behind a colon, up to a slash or colon without quotes
        if (tilde && !part.quoted && (index === 0 ? /(?:^|:)~/ : /:~/).test(part.text)) unknown ??= 'a home directory';
        out += part.text;
      }
    }
    return unknown === undefined ? { text: out } : { unknown };
  }

  #reference(part: { readonly name: string; readonly operator: string; readonly word: Word }, start: number): Value {
    const { name, operator, word } = part;
    if (this.#unknown.has(name)) return { unknown: 'a reference to a variable whose value is not known' };
    const value = this.#known.reference(name);
    const present = value !== undefined && (value !== '' || !operator.startsWith(':'));
    switch (operator.slice(-1)) {
      case '+':
        return present ? this.#value(word, false, start) : { text: '' };
      case '-':
        return present ? { text: value } : this.#value(word, false, start);
      case '?':
        if (present) return { text: value };
        throw refusal('shell', 'a reference to a variable that must be set', this.#line(start));
      case '=': {
        if (present) return { text: value };
        if (READ_ONLY.has(name) || !/^[A-Za-z_]/.test(name)) throw new LineDiscarded(start, 'an assignment to something that cannot be set');
        const fallback = this.#value(word, false, start);
        if ('text' in fallback) this.#store(name, false, fallback, start);
        return fallback;
      }
      default:
        return { text: value ?? '' };
    }
  }
}

/** A word of references without quotes that come to nothing is no word. */
function vanishes(word: Word, value: Value): boolean {
  const bare = word.every((part) => (part.kind === 'reference' && !part.quoted) || (part.kind === 'text' && !part.quoted && part.text === ''));
  return bare && 'text' in value && /^[ \t\n]*$/.test(value.text);
}

/** The two sides of an assignment; the value keeps its parts. */
function target(word: Word): { name: string; appends: boolean; rest: Word } {
  const [first, ...others] = word;
  const text = first?.kind === 'text' ? first.text : '';
  const equals = text.indexOf('=');
  const appends = text.charAt(equals - 1) === '+';
  return {
    name: text.slice(0, appends ? equals - 1 : equals),
    appends,
    rest: [{ kind: 'text', text: text.slice(equals + 1), quoted: false }, ...others],
  };
}

/** Quotes keep a part whole; without them, text does as long as it is no pattern, brace expansion or home directory. */
function staysOneWord(part: Word[number]): boolean {
  return 'quoted' in part && (part.quoted || (part.kind === 'text' && !/[*?[\]{}~]/.test(part.text)));
}

/** `export A={1,2}` is two words; an assignment without `export` stays one. */
function bracesExpand(word: Word): boolean {
  const bare = word.map((part) => (part.kind === 'text' && !part.quoted ? part.text : '')).join('');
  return bare.includes('{') && /,|\.\./.test(bare);
}
