import type { Word } from './shell-words.ts';
import { ShellStop, WordReader, isAssignment, literal } from './shell-words.ts';

/**
 * The part of bash's grammar that an env file can hold: lists of simple commands. Nothing here looks at the value of a variable.
 */
export interface Command {
  /** What stands before the first word: all there is, or the environment of a command. */
  readonly assignments: readonly Word[];
  readonly words: readonly Word[];
  /** Offset of the first character. */
  readonly start: number;
  /** `|`, `||`, `&&` or a redirection: whether its assignments take effect depends on more than this file. */
  readonly entangled: boolean;
  /** Ends with `&`: its assignments happen in another process. */
  readonly background: boolean;
}

const KEYWORDS = new Set([
  'if', 'then', 'else', 'elif', 'fi', 'for', 'while', 'until', 'do', 'done', 'case', 'esac', 'select', 'function', 'coproc', '{', '}', '[[',
]);

export class ShellParser {
  readonly #words: WordReader;

  constructor(text: string) {
    this.#words = new WordReader(text);
  }

  /** The commands up to the end of a line, which is how much bash parses before it runs any of it; `undefined` at the end. */
  line(): Command[] | undefined {
    const source = this.#words;
    if (source.offset >= source.length) return undefined;
    const commands: Command[] = [];
    let expectsCommand = true; // where a `;` or `&` would be a syntax error
    let continued = false; // behind `|`, `||`, `&&` line feeds mean nothing
    for (;;) {
      source.skipBlanks();
      const char = source.char();
      if (char === '' || (char === '\n' && !continued)) {
        if (continued) throw new ShellStop(source.length, 'a list of commands that the end of the file cuts off');
        source.match(/\n?/y);
        return commands;
      }
      if (char === '\n') {
        source.match(/\n?/y);
        continue;
      }
      const operator = source.match(/;[;&]+|&&(?!>)|\|[|&]?|&(?!>)|[;()]/y);
      if (operator === '') {
        const command = this.#command();
        commands.push({ ...command, entangled: command.entangled || continued });
        expectsCommand = continued = false;
        continue;
      }
      if (expectsCommand || !['&&', '||', '|', '|&', ';', '&'].includes(operator)) {
        throw new ShellStop(source.offset - operator.length, 'a syntax error, or a subshell, function or array');
      }
      expectsCommand = true;
      continued = operator !== ';' && operator !== '&';
      const last = commands.pop();
      if (last !== undefined) commands.push({ ...last, entangled: last.entangled || continued, background: operator === '&' });
    }
  }

  #command(): Command {
    const source = this.#words;
    const start = source.offset;
    const assignments: Word[] = [];
    const words: Word[] = [];
    let entangled = false;
    for (;;) {
      source.skipBlanks();
      const char = source.char();
      if (char === '' || '\n;|()'.includes(char) || (char === '&' && source.char(1) !== '>')) break;
      if (source.match(/<<(?!<)/y) !== '') throw new ShellStop(start, 'a here document');
      if (source.match(/&?[<>]+[&|]?-?/y) !== '') {
        entangled = true;
        source.skipBlanks();
        source.word(false);
        continue;
      }
      const word = source.word(words.length === 0 || literal(words[0] ?? []) === 'export');
      if (words.length === 0 && isAssignment(word)) assignments.push(word);
      else if (words.length + assignments.length === 0 && literal(word) === '!') continue; // turns an exit status around, nothing else
      else words.push(word);
    }
    if (source.char() === '(') throw new ShellStop(start, 'a syntax error, or a subshell, function or array');
    if (assignments.length === 0 && KEYWORDS.has(literal(words[0] ?? []) ?? '')) throw new ShellStop(start, 'a compound command');
    return { assignments, words, start, entangled, background: false };
  }
}
