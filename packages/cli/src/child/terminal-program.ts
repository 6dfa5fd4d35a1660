/** Gives a program a terminal of its own whose output we read. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';

import { quotedWord } from '../shell-word.ts';
import type { Terminal } from '../terminal.ts';
import { findCommand } from './find-command.ts';
import { isInForeground } from './forwarded-signals.ts';
import { ADDED_BY_SHELL, SHELL_NAME } from './socket-activation.ts';
import { type ChildProgram, type ChildStreams, firstFree } from './spawned-child.ts';

/** The shell that `script` starts the program with, which becomes the program. */
const SHELL = '/bin/sh';

interface TerminalProgram {
  readonly program: ChildProgram;
  readonly streams: ChildStreams;
  /** To be called when the program has ended. */
  close(): void;
}

/** The `script` that gives the child a terminal; undefined where there is none to be kept, or it can't be. */
export function terminalFor({ environment }: ChildProgram, terminal: Terminal): string | undefined {
  // In the background it would stop when it touched the terminal.
  if (!isatty(1) || !isInForeground()) return undefined;
  if (Object.keys(environment).some((name) => !SHELL_NAME.test(name))) {
    terminal.warn('the program sees a pipe, not a terminal: a variable has a name that a shell would drop');
    return undefined;
  }
  const script = utilLinuxScript(environment['PATH']);
  if (script === undefined) terminal.warn('the program sees a pipe, not a terminal: that takes `script` of util-linux');
  return script;
}

/** Others of that name take other arguments. */
function utilLinuxScript(path: string | undefined): string | undefined {
  try {
    const script = findCommand('script', path);
    return spawnSync(script, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).stdout.includes('util-linux') ? script : undefined;
  } catch {
    return undefined;
  }
}

/** @param follow masks each stream to a descriptor of ours, and ends with them */
export function inTerminal(script: string, { words, environment, descriptors }: ChildProgram, follow: (streams: readonly (readonly [Readable, number])[]) => Promise<void>): TerminalProgram {
  const free = firstFree(descriptors);
  const more: ('pipe' | number)[] = [];
  const redirections: string[] = [];
  // What is no terminal stays what it is.
  if (!isatty(0)) redirections.push(`<&${free + more.push(0) - 1}`);
  const apart = isatty(2) ? undefined : free + more.push('pipe') - 1;
  if (apart !== undefined) redirections.push(`2>&${apart}`);
  const closed = more.map((_, i) => `${free + i}>&-`);
  const keyboard = isatty(0) ? undefined : openTerminal();
  const line = `${unshelled(environment)} exec ${words.map(quotedWord).join(' ')} ${[...redirections, ...closed].join(' ')}`;
  return {
    program: { program: script, words: ['script', '-q', '-e', '-f', '-c', line, '/dev/null'], environment: { ...environment, SHELL }, descriptors },
    streams: {
      standard: [keyboard ?? 'inherit', 'pipe', 'inherit'],
      more,
      follow: (child) => follow([[child.stdout!, 1], ...(apart === undefined ? [] : [[child.stdio[apart] as Readable, 2] as const])]),
      signal: signalProgram,
    },
    close: () => keyboard !== undefined && closeSync(keyboard),
  };
}

/** Where standard input comes from elsewhere, `script` still needs the terminal's size and keys. */
function openTerminal(): number | undefined {
  try {
    return openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
}

/** The environment as it was: without what the shell adds, and with the SHELL that it had. */
function unshelled(environment: Readonly<Record<string, string>>): string {
  const added = ADDED_BY_SHELL.filter((name) => !Object.hasOwn(environment, name));
  const shell = environment['SHELL'];
  if (shell === undefined) return `unset SHELL ${added.join(' ')};`;
  return `${added.length === 0 ? '' : `unset ${added.join(' ')}; `}SHELL=${quotedWord(shell)};`;
}

/** The window's size and going on are `script`'s own business; it ends by what it does not know. */
function signalProgram(script: ChildProcess, signal: NodeJS.Signals): void {
  if (signal === 'SIGWINCH' || signal === 'SIGCONT' || script.pid === undefined) return;
  const program = childOf(script.pid);
  if (program === undefined) script.kill(signal);
  else process.kill(program, signal);
}

function childOf(pid: number): number | undefined {
  try {
    const first = /^\d+/.exec(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'))?.[0];
    return first === undefined ? undefined : Number(first);
  } catch {
    return undefined;
  }
}
