/** Asks whether it is meant. `--yes` answers every question; off a terminal only what can't be undone needs it. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

import type { Arguments } from './arguments.ts';
import type { Session } from './session.ts';

/** For what can be followed by its opposite, or by a rotation. @throws LockfastError `usage` when the answer is not yes */
export function confirm(args: Arguments, { terminal }: Session, question: string): void {
  if (args.flag('yes') || !terminal.interactive) return;
  if (!/^y(?:es)?$/i.test(ask(`${question} [y/N] `))) throw brokenOff();
}

/**
 * For what can't be undone: the name must be typed.
 *
 * @param what for example `destroy the key kq2d5x`
 * @throws LockfastError `confirmation-needed` off a terminal without --yes; `usage` when something else was typed
 */
export function confirmByName(args: Arguments, { terminal, command }: Session, what: string, name: string): void {
  if (args.flag('yes')) return;
  if (!terminal.interactive) {
    throw new LockfastError('confirmation-needed', `${command}: this would ${what} for good, and there is no terminal to ask on`, 'if that is meant, give --yes');
  }
  if (ask(`This will ${what} for good. Type ${name} to go on: `) !== name) throw brokenOff();
}

/** One line from the terminal, with an echo, as the terminal's own editing leaves it. Ctrl-C ends the process: nothing has begun. */
function ask(question: string): string {
  const terminal = openTerminal();
  try {
    writeSync(terminal, question);
    const answer = Buffer.alloc(1024);
    return answer.toString('utf8', 0, readSync(terminal, answer)).trim();
  } finally {
    closeSync(terminal);
  }
}

/** @throws LockfastError `terminal-needed`: standard input can be a terminal that is not this process's own */
function openTerminal(): number {
  try {
    return openSync('/dev/tty', 'r+');
  } catch (error) {
    throw new LockfastError('terminal-needed', 'there is no terminal to ask on', 'run it on a terminal, or give --yes', error);
  }
}

function brokenOff(): LockfastError {
  return new LockfastError('usage', 'broken off', 'nothing was changed');
}
