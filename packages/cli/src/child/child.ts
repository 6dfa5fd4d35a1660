/**
 * Ends `lockfast run` in the program that it was asked to run.
 *
 * Whenever it surely succeeds, this process becomes the program (`process.execve`): same process id, terminal, signals,
 * standard streams, and an exit status that nobody has to pass on. Otherwise the program is spawned.
 *
 * What Node changed since its start, and what is done about it:
 * - SIGPIPE and SIGXFSZ are ignored by Node, and an ignored signal stays ignored in a new program: given back their
 *   default. Every other signal has it already.
 * - O_NONBLOCK on standard streams: taken off.
 * - Descriptors from 3 up: would be closed, so a program that was given any is spawned with them.
 * - Cannot be given back without native code: signals that our parent ignored (`nohup`, a shell's `&` without job
 *   control): Node sets them to default and does not say what they were. Write `lockfast run -- nohup CMD`.
 * - Cannot be given back: the soft limit of open files, which Node raises to the hard limit. Write
 *   `lockfast run -- prlimit --nofile=1024: CMD` for a program that minds.
 * - Cannot be given back: a closed standard stream, which Node opens on /dev/null.
 */
import { LockfastError } from '@lockfast/core/errors';

import { fitsArgumentSpace } from './argument-space.ts';
import { executableFormat } from './executable-format.ts';
import { findCommand } from './find-command.ts';
import { inheritedDescriptors } from './inherited-descriptors.ts';
import { makeStandardStreamsBlocking } from './standard-streams.ts';
import { refuseAlteredText } from './unaltered-text.ts';

/**
 * Before the call: close every file, take raw mode off the terminal, and remove signal handlers; `exit` listeners will
 * not run. Nothing may be pending: when the program is become, no promise and no `finally` of this process goes on.
 *
 * @param command searched in the PATH of `environment`; it becomes `argv[0]` as it stands
 * @param environment all of it: nothing is added to it
 * @returns the exit status of a spawned program; a program that was become does not return. A spawned program that a
 *   signal ended ends this process by the same signal, or gives 128+n.
 * @throws LockfastError `command-not-found` (127), `command-not-executable` (126), `too-large`, `usage`, `invalid-text`
 */
export async function becomeChild(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): Promise<number> {
  const { program, words } = checkedProgram(command, args, environment);
  const sure = executableFormat(program) === 'sure' && fitsArgumentSpace(words, environment);
  const descriptors = inheritedDescriptors();
  if (sure && descriptors.length === 0 && process.execve !== undefined) {
    makeStandardStreamsBlocking();
    restoreSignals(environment);
    process.execve(program, words, environment);
  }
  const { runChild } = await import('./spawned-child.ts');
  return runChild({ program, words, environment, descriptors });
}

/** Finds the program, and refuses what it could not be given. @throws LockfastError as {@link becomeChild} */
export function checkedProgram(command: string, args: readonly string[], environment: Readonly<Record<string, string>>): { readonly program: string; readonly words: readonly string[] } {
  const words = [command, ...args];
  refuseNul(words, environment);
  refuseAlteredText(words, environment);
  return { program: findCommand(command, environment['PATH']), words };
}

/** A C string ends at its first NUL: what follows would be lost. */
function refuseNul(words: readonly string[], environment: Readonly<Record<string, string>>): void {
  if (words.some((word) => word.includes('\0'))) {
    throw new LockfastError('usage', 'an argument holds a NUL character, which no program can be given', 'remove it');
  }
  const name = Object.keys(environment).find((one) => one.includes('\0') || environment[one]!.includes('\0'));
  if (name !== undefined) {
    throw new LockfastError('invalid-text', `the variable ${JSON.stringify(name)} holds a NUL character, which no program can be given`, 'remove it');
  }
}

/**
 * The kernel sets a *handled* signal to its default for the new program, and leaves an ignored one ignored. So a handler
 * is put where Node ignores. systemd starts its services with SIGPIPE ignored (`IgnoreSIGPIPE=yes`, its default): a
 * program that it started through us finds it as it would without us.
 */
function restoreSignals(environment: Readonly<Record<string, string>>): void {
  process.on('SIGXFSZ', ignore);
  if (environment['SYSTEMD_EXEC_PID'] !== String(process.pid)) process.on('SIGPIPE', ignore);
}

function ignore(): void {}
