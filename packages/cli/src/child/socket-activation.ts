/**
 * Variables that name the process they are meant for. systemd's `sd_listen_fds` takes the sockets only if LISTEN_PID is
 * the process's own id. A program that we become has ours; a spawned one has another, which is known only in it.
 */
import { LockfastError } from '@lockfast/core/errors';

const NAMES_A_PROCESS = ['LISTEN_PID', 'WATCHDOG_PID'] as const;
/** What shells add to an environment; taken out again unless it was there. */
export const ADDED_BY_SHELL = ['PWD', 'OLDPWD', 'SHLVL'] as const;
export const SHELL_NAME = /^[A-Za-z_]\w*$/;

/** A program and its arguments, its name (`argv[0]`) first. */
export interface Invocation {
  readonly program: string;
  readonly words: readonly string[];
}

/**
 * Puts a shell before the program that writes its own process id into those variables and then becomes the program, if
 * they name this process now. The words reach it as arguments, never as shell text.
 *
 * @throws LockfastError `invalid-name` for a variable that a shell would drop
 */
export function withOwnProcessId({ program, words }: Invocation, environment: Readonly<Record<string, string>>): Invocation {
  const named = NAMES_A_PROCESS.filter((name) => environment[name] === String(process.pid));
  if (named.length === 0) return { program, words };
  const dropped = Object.keys(environment).find((name) => !SHELL_NAME.test(name));
  if (dropped !== undefined) {
    throw new LockfastError('invalid-name', `the variable ${JSON.stringify(dropped)} can't be passed together with ${named.join(' and ')}`, 'give it a name of letters, digits and underscores');
  }
  const added = ADDED_BY_SHELL.filter((name) => !Object.hasOwn(environment, name));
  const script = `${added.length === 0 ? '' : `unset ${added.join(' ')}; `}${named.map((name) => `${name}=$$`).join(' ')} exec "$0" "$@"`;
  return { program: '/bin/sh', words: ['sh', '-c', script, program, ...words.slice(1)] };
}
