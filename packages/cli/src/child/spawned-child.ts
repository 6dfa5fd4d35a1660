/**
 * Runs a program beside this process, where it can't be become: its streams are ours, its signals are handed on, and
 * this process ends as it did.
 *
 * What a spawned program sees differently: another process id (systemd's `NotifyAccess=main` does not hear it), and if
 * this process is killed by SIGKILL it lives on (under systemd, `KillMode=control-group` ends it).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

import { LockfastError } from '@lockfast/core/errors';

import { largestPart } from './argument-space.ts';
import { shown } from './find-command.ts';
import { forwardSignals } from './forwarded-signals.ts';
import { withOwnProcessId } from './socket-activation.ts';

export interface ChildProgram {
  /** The file, a path with a `/` in it. */
  readonly program: string;
  /** `argv`: the command as the user wrote it, then its arguments. */
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** What it gets beside 0, 1 and 2. */
  readonly descriptors: readonly number[];
}

/** Where the standard streams of a child go, if not where ours do. */
export interface ChildStreams {
  /** Its 0, 1 and 2. */
  readonly standard: readonly ('inherit' | 'pipe' | number)[];
  /** Those behind the ones that it inherits: from {@link firstFree} on. */
  readonly more: readonly ('pipe' | number)[];
  /** Ends when all that it printed is done with. */
  follow(child: ChildProcess): Promise<void>;
  signal(child: ChildProcess, signal: NodeJS.Signals): void;
}

const INHERITED: ChildStreams = {
  standard: ['inherit', 'inherit', 'inherit'],
  more: [],
  follow: () => Promise.resolve(),
  signal: (child, signal) => child.kill(signal),
};

/** The first descriptor that no child inherits. */
export function firstFree(descriptors: readonly number[]): number {
  return Math.max(2, ...descriptors) + 1;
}

/**
 * Signals that leave a core file. Raising one on ourselves would write our memory, keys and all, to the disk, so the
 * status says it alone.
 */
const DUMPS_CORE: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>([
  'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGIOT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGXCPU', 'SIGXFSZ', 'SIGSYS',
]);

/**
 * @returns the exit status; 128+n for a signal that can't be raised on ourselves. A real-time signal (34 and above) is
 *   status 0 to Node's `child_process`, and there is no way to see it.
 * @throws LockfastError `command-not-executable`, `too-large`
 */
export async function runChild(child: ChildProgram, streams: ChildStreams = INHERITED): Promise<number> {
  let started: ChildProcess | undefined;
  const stopForwarding = forwardSignals((signal) => started !== undefined && streams.signal(started, signal));
  try {
    started = start(child, streams);
    const [{ status, signal }] = await Promise.all([endOf(started), streams.follow(started)]);
    if (signal === null) return status;
    stopForwarding();
    return dieOf(signal);
  } catch (error) {
    throw launchFailure(error, child);
  } finally {
    stopForwarding();
  }
}

function start({ program, words, environment, descriptors }: ChildProgram, { standard, more }: ChildStreams): ChildProcess {
  const invocation = withOwnProcessId({ program, words }, environment);
  const [name, ...rest] = invocation.words;
  // 'ignore' leaves a descriptor above 2 closed
  const inherited = Array.from({ length: firstFree(descriptors) }, (_, i) => (i <= 2 ? standard[i]! : descriptors.includes(i) ? i : 'ignore'));
  return spawn(invocation.program, rest, { argv0: name!, env: environment, shell: false, stdio: [...inherited, ...more] });
}

function endOf(child: ChildProcess): Promise<{ status: number; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status, signal) => resolve({ status: status ?? 0, signal }));
  });
}

/** Ends this process as the signal ended the child, so that whoever waits for us sees the same. @returns the status that says so, where the signal can't be raised */
export function dieOf(signal: NodeJS.Signals): number {
  const status = 128 + constants.signals[signal];
  if (DUMPS_CORE.has(signal)) return status;
  if (signal !== 'SIGKILL') {
    // Node ignores SIGPIPE; a listener that comes and goes leaves the default behind
    process.on(signal, ignore);
    process.removeAllListeners(signal);
  }
  process.kill(process.pid, signal);
  // still here: this is the first process of a container, which no signal ends by default
  return status;
}

function ignore(): void {}

/** The file was found and checked; what is left is what only the kernel knows. */
function launchFailure(error: unknown, { program, words, environment }: ChildProgram): unknown {
  if (error instanceof LockfastError) return error;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || !(syscall ?? '').startsWith('spawn')) return error;
  if (code === 'E2BIG') {
    const message = `arguments and environment are larger than the kernel passes to a program: ${largestPart(words, environment)}`;
    // the cause is left out: Node's error quotes the arguments
    return new LockfastError('too-large', message, 'hand large data over in a file or on standard input');
  }
  return new LockfastError('command-not-executable', `${shown(program)} could not be started (${code})`, HINTS[code] ?? 'run it without Lockfast to see whether the machine lets it start');
}

const HINTS: Readonly<Record<string, string>> = {
  ETXTBSY: 'the file is being written: wait until that is done',
  EAGAIN: 'the limit of processes is reached: see ulimit -u',
  ENOMEM: 'the machine has no memory left for it',
  ENOENT: 'its interpreter does not exist: see its #! line',
};
