/** A command line of a unit file, as far as it must be understood to put another program before it. */
import { LockfastError } from '@lockfast/core/errors';

export interface ExecLine {
  /** Of `-`, `:`, `+`, `!` and `!!`. */
  readonly prefixes: string;
  /** The program and its arguments, quoted, with specifiers and variables, as they stand. */
  readonly command: string;
  /** Names of variables that systemd fills in. */
  readonly variables: readonly string[];
}

/** @param where how errors name it. @throws LockfastError `usage` for what no other program can be put before */
export function readExecLine(value: string, where: string): ExecLine {
  const [, prefixes, command] = /^([-@:+!]*)\s*(.*)$/s.exec(value)!;
  const refused = (what: string): LockfastError => new LockfastError('usage', `${where}: ${what}, which can't be carried over`, 'change the unit, or choose another way: way = "file"');
  if (prefixes!.includes('@')) throw refused('the command line begins with @');
  if (command === '') throw refused('the command line is empty');
  if (hasSeparator(command!)) throw refused('there are several commands in one line');
  return { prefixes: prefixes!, command: command!, variables: prefixes!.includes(':') ? [] : variablesIn(command!) };
}

/** A `;` that is a word of its own, and not in quotes. */
function hasSeparator(command: string): boolean {
  return command.replaceAll(/\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gs, 'x').split(/\s+/).includes(';');
}

/** `${NAME}` anywhere, `$NAME` as a word; `$$` is a dollar sign. */
function variablesIn(command: string): string[] {
  const names = [...command.replaceAll('$$', '').matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}|(?<![^\s"'])\$([A-Za-z_][A-Za-z0-9_]*)(?![^\s"'])/g)].map(([, braced, bare]) => (braced ?? bare)!);
  return [...new Set(names)];
}
