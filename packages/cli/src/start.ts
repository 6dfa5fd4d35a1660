/** What every entry does: finds which command is meant, runs it, says what went wrong. */
import { LockfastError } from '@lockfast/core/errors';

import type { Command } from './command.ts';
import { reportFailure } from './failure.ts';
import { commandHelp } from './help.ts';
import { homeDirectory } from './home-directory.ts';
import { parseArguments } from './parse-arguments.ts';
import { Terminal } from './terminal.ts';

/**
 * @param commands the ones that this entry knows
 * @param otherwise what to do with words that name none of them; gives the exit status
 */
export function start(commands: readonly Command[], otherwise: (words: readonly string[], terminal: Terminal) => number): void {
  const [first, ...others] = process.argv.slice(2);
  const words = first === undefined ? [] : first === 'help' ? [...others, '--help'] : [first, ...others];
  const terminal = new Terminal(process.env);
  void main(words, commands, terminal, otherwise)
    .catch((error: unknown) => reportFailure(error, terminal, wantsJson(words)))
    .then((status) => {
      process.exitCode = status;
    });
}

async function main(words: readonly string[], commands: readonly Command[], terminal: Terminal, otherwise: (words: readonly string[], terminal: Terminal) => number): Promise<number> {
  const found = findCommand(words, commands);
  if (found === undefined) return otherwise(words, terminal);
  const args = parseArguments(found.command, found.rest);
  if (args.flag('help')) {
    terminal.raw(commandHelp(found.command));
    return 0;
  }
  const { run } = await found.command.load();
  return run(args, { terminal, environment: process.env, directory: workingDirectory(), home: homeDirectory(process.env), command: found.command.name });
}

interface FoundCommand {
  readonly command: Command;
  /** The words behind the command's name. */
  readonly rest: readonly string[];
}

/** The command with the longest name that `words` begin with. */
function findCommand(words: readonly string[], commands: readonly Command[]): FoundCommand | undefined {
  for (const length of [3, 2, 1]) {
    const name = words.slice(0, length).join(' ');
    const command = words.length < length ? undefined : commands.find((one) => one.name === name);
    if (command !== undefined) return { command, rest: words.slice(length) };
  }
  return undefined;
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    throw new LockfastError('not-found', 'the working directory was removed', 'change to a directory that exists');
  }
}

/** Known before the command line is parsed, since that may be what fails. */
function wantsJson(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).includes('--json');
}
