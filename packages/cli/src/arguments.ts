import { parseArgs } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';

import { type Command, COMMON_OPTIONS, type Option } from './command.ts';

/** The parsed command line of one command. */
export class Arguments {
  readonly #values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  readonly operands: readonly string[];
  /** What stood after `--`, for a command that runs another one. */
  readonly command: readonly string[];

  constructor(values: Arguments['values'], operands: readonly string[], command: readonly string[]) {
    this.#values = values;
    this.operands = operands;
    this.command = command;
  }

  get values(): Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>> {
    return this.#values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }
}

/**
 * @throws LockfastError `usage`. It quotes an option's name at most: what else stands on the line may be a secret.
 */
export function parseArguments(command: Command, words: readonly string[]): Arguments {
  const options = { ...command.options, ...COMMON_OPTIONS };
  const dashes = command.takesCommand === true ? words.indexOf('--') : -1;
  const own = dashes === -1 ? words : words.slice(0, dashes);
  let parsed: { values: Record<string, string | boolean | (string | boolean)[] | undefined>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...own],
      options: Object.fromEntries(Object.entries(options).map(([name, option]) => [name, definition(name, option)])),
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw unusable(command, own, options, (error as NodeJS.ErrnoException).code);
  }
  const args = new Arguments(parsed.values, parsed.positionals, dashes === -1 ? [] : words.slice(dashes + 1));
  if (!args.flag('help')) check(command, args, options);
  return args;
}

function definition(name: string, option: Option): { type: 'boolean' | 'string'; multiple: boolean; short?: string } {
  const short = SHORT[name];
  return { type: option.kind === 'flag' ? 'boolean' : 'string', multiple: option.kind === 'list', ...(short === undefined ? {} : { short }) };
}

const SHORT: Readonly<Record<string, string>> = { help: 'h' };

function check(command: Command, args: Arguments, options: Readonly<Record<string, Option>>): void {
  const [least, most] = command.arity ?? [0, 0];
  if (args.operands.length < least || args.operands.length > most) {
    const problem = args.operands.length < least ? 'an argument is missing' : 'there is an argument too many';
    throw usage(command, problem, 'values never go on the command line: they are asked for, or read from standard input');
  }
  for (const [name, { choices }] of Object.entries(options)) {
    const value = args.text(name);
    if (choices !== undefined && value !== undefined && !choices.includes(value)) {
      throw usage(command, `--${name} takes one of ${choices.join(', ')}`);
    }
  }
}

function unusable(command: Command, words: readonly string[], options: Readonly<Record<string, Option>>, code: string | undefined): LockfastError {
  const names = Object.keys(options);
  const unknown = words.filter((word) => /^--[a-z][a-z-]*(=|$)/.test(word)).map((word) => word.slice(2).split('=')[0]!);
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const name = unknown.find((word) => !names.includes(word));
    const near = name === undefined ? undefined : nearest(name, names);
    return usage(command, name === undefined ? 'there is an option that it does not know' : `it has no option --${name}`, near && `did you mean --${near}?`);
  }
  const name = unknown.find((word) => names.includes(word) && words.some((w) => w === `--${word}` || w.startsWith(`--${word}=`)));
  return usage(command, name === undefined ? 'an option lacks its value, or has one that it does not take' : `--${name} or another option lacks its value, or has one that it does not take`);
}

function usage(command: Command, problem: string, advice?: string): LockfastError {
  return new LockfastError('usage', `${command.name}: ${problem}`, `${advice === undefined ? '' : `${advice} `}see: lockfast ${command.name} --help`);
}

/** The closest of `names` within two edits, for a typing error. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const scored = names.map((name) => ({ name, distance: editDistance(word, name) })).sort((a, b) => a.distance - b.distance);
  const [best] = scored;
  return best !== undefined && best.distance <= 2 ? best.name : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
