import { parseArgs } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';

import { Arguments } from './arguments.ts';
import { type Command, COMMON_OPTIONS, type Option } from './command.ts';
import { nearest } from './nearest.ts';

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

const SHORT: Readonly<Record<string, string>> = { help: 'h', verbose: 'v' };

function check(command: Command, args: Arguments, options: Readonly<Record<string, Option>>): void {
  const [least, most] = command.arity ?? [0, 0];
  if (args.operands.length < least || args.operands.length > most) {
    if (command.takesCommand === true) throw usage(command, 'the program to run stands behind two dashes', `write: lockfast ${command.name} -- CMD ARG`);
    const takes = `it takes ${command.operands ?? 'none'}`;
    throw args.operands.length < least ? usage(command, 'an argument is missing', takes) : usage(command, 'there is an argument too many', `${takes}, and never a value`);
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
  for (const [i, word] of words.entries()) {
    const [, name, value] = /^--([a-z-]+)(=.*)?$/s.exec(word) ?? [];
    const kind = name === undefined ? undefined : options[name]?.kind;
    if (kind === 'flag' && value !== undefined) return usage(command, `--${name} takes no value`);
    if (kind !== undefined && kind !== 'flag' && value === undefined && /^(?:-.|$)/.test(words[i + 1] ?? '')) return usage(command, `--${name} lacks its value`);
  }
  return usage(command, 'an option lacks its value, or has one that it does not take');
}

function usage(command: Command, problem: string, advice?: string): LockfastError {
  return new LockfastError('usage', `${command.name}: ${problem}`, `${advice === undefined ? '' : `${advice}${advice.endsWith('?') ? '' : ';'} `}see: lockfast ${command.name} --help`);
}
