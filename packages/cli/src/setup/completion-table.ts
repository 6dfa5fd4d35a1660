/** What can be completed where, as the scripts of all shells need it. */
import { type Command, COMMON_OPTIONS, type Option } from '../command.ts';

/** What stands at a place of the command line: one of some words, a file, a directory, or what nobody can guess. */
export type Place = readonly string[] | 'file' | 'directory' | 'anything';

export interface CompletedOption {
  readonly name: string;
  readonly help: string;
  /** What follows it; undefined for a flag. */
  readonly value: Place | undefined;
  /** How help names the value. */
  readonly valueName: string;
  readonly repeats: boolean;
}

export interface CompletedCommand {
  readonly name: string;
  readonly options: readonly CompletedOption[];
  readonly operands: Place;
  readonly takesCommand: boolean;
}

export interface Completion {
  readonly commands: readonly CompletedCommand[];
  /** Behind each beginning of a command's name, the words that may follow, and what they mean. '' is the line's beginning. */
  readonly words: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export function completionOf(commands: readonly Command[]): Completion {
  return { commands: commands.map(completed), words: wordsOf(commands) };
}

function completed({ name, options, operands = '', takesCommand = false }: Command): CompletedCommand {
  const all = Object.entries({ ...options, ...COMMON_OPTIONS });
  return {
    name,
    options: all.map(([option, { kind, help, value = '', choices }]) => ({ name: option, help, value: kind === 'flag' ? undefined : valuePlace(value, choices), valueName: value, repeats: kind === 'list' })),
    operands: operandPlace(operands),
    takesCommand,
  };
}

function valuePlace(value: string, choices: Option['choices']): Place {
  if (choices !== undefined) return choices;
  if (value === 'DIR') return 'directory';
  // `env:NAME|file:PATH` is an address, and no file begins so.
  return /^FILE\b/.test(value) ? 'file' : 'anything';
}

/** By how help shows them: `bash|zsh|fish` are words, `FILE` is a file, and so are a merge's three sides. */
function operandPlace(operands: string): Place {
  if (/^[a-z]+(\|[a-z]+)+$/.test(operands)) return operands.split('|');
  return /\bFILE\b|^BASE OURS THEIRS$/.test(operands) ? 'file' : 'anything';
}

function wordsOf(commands: readonly Command[]): Map<string, Map<string, string>> {
  const words = new Map<string, Map<string, string>>();
  for (const { name, summary } of commands) {
    const parts = name.split(' ');
    for (const [i, part] of parts.entries()) {
      const before = parts.slice(0, i).join(' ');
      const behind = words.get(before) ?? new Map<string, string>();
      words.set(before, behind);
      if (i === parts.length - 1) behind.set(part, summary);
      else if (!behind.has(part)) behind.set(part, `the \`${[...parts.slice(0, i), part].join(' ')}\` commands`);
    }
  }
  return words;
}
