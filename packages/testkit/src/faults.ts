/**
 * Fault injection with strace: runs a command once to list the system calls with which it changes files, then again,
 * once per call, with that call failing or the process killed at it. After each, a test asks its oracle: is the state
 * wholly old or wholly new, and does the next run clean up? (The method is that of Tessera's POSIX fault tests.)
 *
 * Three traps shape it:
 * - `-P path` compares whole names, so it never matches a temporary file with a random name. The call is therefore aimed
 *   at by its ordinal among all calls of that name in its thread, and the second run's trace must show that it was hit.
 * - `when=N` counts per thread. Synchronous calls run in the main thread; asynchronous ones need a pool of one thread.
 *   Files are synced in both: before all else the thread that is aimed at makes more fsyncs than the other one ever will.
 *   An `openat` of V8's (which looks for the number of processors when a mutex is first contended) moves between threads
 *   from run to run, so the aim at an `openat` can miss by one or two: `strike` repeats it.
 * - `--seccomp-bpf` halves the time of a run, and silently injects no signals (strace 6.1).
 *
 * SIGKILL strikes before the call has an effect. So the sweep sees every state between two calls.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What every file-changing call must survive. */
export const FAULTS = ['KILL', 'EIO', 'ENOSPC'] as const;
/** SIGKILL, or the error that the call fails with. */
export type Fault = 'KILL' | `E${string}`;

/** The calls that change a file, a directory or their durability. `openat` counts only when it may create or truncate. */
const BY_PATH = ['open', 'creat', 'rename', 'link', 'symlink', 'unlink', 'mkdir', 'rmdir', 'chmod', 'chown', 'lchown', 'truncate'];
const BY_DIRECTORY = ['openat', 'openat2', 'renameat', 'renameat2', 'linkat', 'symlinkat', 'unlinkat', 'mkdirat', 'fchmodat', 'fchownat'];
const BY_DESCRIPTOR = ['write', 'writev', 'pwrite64', 'pwritev', 'ftruncate', 'fallocate', 'fsync', 'fdatasync', 'fchmod', 'fchown'];
/** Some machines lack the older calls; `?` lets strace go on without them. */
const TRACED = [...BY_PATH, ...BY_DIRECTORY, ...BY_DESCRIPTOR].map((call) => `?${call}`).join(',');

/** Where a command runs, and which directories (or files) its calls are watched under. Absolute paths. */
export interface Place {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly paths: readonly string[];
}

/** One run of a command, on files of its own. */
export interface Trial extends Place {
  readonly command: string;
  readonly args: readonly string[];
}

/** One call that changes something under the watched paths. */
export interface FileCall {
  readonly call: string;
  /** Its number, from 0, among the calls under the watched paths. */
  readonly index: number;
  /** Its number, from 1, among the calls of this name in its thread. */
  readonly ordinal: number;
  /** Whether it was made beside the main thread. */
  readonly pooled: boolean;
  /** Whether calls of this name were made in both. */
  readonly mixed: boolean;
  /** The files that it names, absolute. */
  readonly files: readonly string[];
  /** As strace prints it, with flags, modes and result. */
  readonly text: string;
}

/** How a command ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Traced extends Ended {
  readonly calls: readonly FileCall[];
}

export interface Struck extends Ended {
  /** Whether the fault struck that call, and none before it. If not, the run proves nothing. */
  readonly struck: boolean;
  /** Where the call stood in this run, as `FileCall.ordinal`; undefined where the fault came before it. */
  readonly stoodAt: number | undefined;
  readonly trace: string;
}

/** Why calls can't be traced here, as a clause for the title of a skipped test; undefined when they can. */
export function missingForTracing(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  const tried = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
  if (tried.error !== undefined) return 'needs strace';
  return tried.status === 0 ? undefined : 'needs the permission to ptrace';
}

/** Runs a command and lists the file-changing calls that it and its children make under the watched paths, in order. */
export async function traceFileCalls(command: string, args: readonly string[], place: Place): Promise<Traced> {
  const { trace, ...ended } = await underStrace(['--seccomp-bpf'], command, args, place);
  return { ...ended, calls: watchedCalls(trace, place) };
}

/** Runs a command again with one of the calls that `traceFileCalls` listed failing, or the process killed before it. */
export async function runWithFault(command: string, args: readonly string[], place: Place, call: FileCall, fault: Fault): Promise<Struck> {
  const ahead = aheadOf(call);
  const at = `when=${call.ordinal + ahead}`;
  const options = fault === 'KILL' ? [`--inject=${call.call}:signal=KILL:${at}`] : ['--seccomp-bpf', `--inject=${call.call}:error=${fault}:${at}`];
  const ended = await underStrace(options, command, args, ahead === 0 ? place : { ...place, env: { ...place.env, NODE_OPTIONS: `--import=${aheadIn(call.pooled)}` } });
  const sign = fault === 'KILL' ? /= \?$/ : /\(INJECTED\)$/;
  const calls = callsIn(ended.trace, place.cwd);
  const hit = calls.findIndex(({ text }) => sign.test(text));
  const aim = watchedCalls(ended.trace, place)[call.index];
  const same = aim !== undefined && aim.call === call.call;
  // One hit, or the first of those that are each in a thread of their own.
  const struck = same && aim.text === calls[hit]?.text;
  const before = hit !== -1 && (!same || hit < calls.findIndex(({ text, ordinal }) => text === aim.text && ordinal === aim.ordinal));
  return { ...ended, struck, stoodAt: same && !before ? aim.ordinal - ahead : undefined };
}

/** More syncs than any traced run makes. */
const AHEAD = 2000;

function aheadOf({ call, mixed }: FileCall): number {
  return call === 'fsync' && mixed ? AHEAD : 0;
}

/** A module that makes so many fsyncs, of nothing, in the main thread or in the pool, before the command starts. */
function aheadIn(pool: boolean): string {
  const calls = pool
    ? `const sync = promisify(fs.fsync); for (let i = 0; i < ${AHEAD}; i++) await sync(fd).catch(() => {});`
    : `for (let i = 0; i < ${AHEAD}; i++) try { fs.fsyncSync(fd); } catch {}`;
  const source = `import fs from 'node:fs'; import { promisify } from 'node:util'; const fd = fs.openSync('/dev/null'); ${calls} fs.closeSync(fd);`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Calls come and go before it: threads, and what Node reads at its start. */
const MOST_TRIES = 40;

/**
 * `runWithFault` until the fault strikes the call that it is meant for, each time on new files.
 *
 * @param prepare lays the files out anew and says what to run on them
 * @throws Error with the last trace when it never struck
 */
export async function strike<T extends Trial>(prepare: () => T, call: FileCall, fault: Fault): Promise<Struck & { readonly trial: T }> {
  let trace = '';
  let { ordinal } = call;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const trial = prepare();
    const run = await runWithFault(trial.command, trial.args, trial, { ...call, ordinal }, fault);
    if (run.struck) return { ...run, trial };
    trace = run.trace;
    // Struck before it, the run is another one from there: nothing tells where the call would have stood.
    ordinal = run.stoodAt ?? ordinal + 1;
  }
  throw new Error(`${fault} never struck ${call.text}:\n${trace}`);
}

async function underStrace(options: string[], command: string, args: readonly string[], place: Place): Promise<Ended & { readonly trace: string }> {
  const scratch = mkdtempSync(join(tmpdir(), 'lockfast-strace-'));
  const output = join(scratch, 'trace');
  try {
    const child = spawn('strace', ['-f', '-y', '-s', '0', '-o', output, `--trace=${TRACED}`, ...options, '--', command, ...args], {
      cwd: place.cwd,
      env: { ...place.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = await end(child);
    return { ...ended, trace: readFileSync(output, 'utf8') };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function end(child: ChildProcess): Promise<Ended> {
  const { promise, resolve: done, reject } = Promise.withResolvers<Ended>();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.on('error', reject);
  child.on('close', (status, signal) => {
    done({ status, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
  });
  return promise;
}

function watchedCalls(trace: string, place: Place): FileCall[] {
  const calls = callsIn(trace, place.cwd);
  const threads = (pooled: boolean): Set<string> => new Set(calls.flatMap((one) => (one.pooled === pooled ? [one.call] : [])));
  const [main, pool] = [threads(false), threads(true)];
  return calls
    .filter((call) => isWatched(call, place) && (!call.call.startsWith('open') || /O_CREAT|O_TRUNC/.test(call.text)))
    .map((call, index) => ({ ...call, index, mixed: main.has(call.call) && pool.has(call.call) }));
}

function isWatched({ files }: TracedCall, { paths }: Place): boolean {
  return files.some((file) => paths.some((path) => file === path || file.startsWith(`${path}/`)));
}

type TracedCall = Omit<FileCall, 'index' | 'mixed'>;

/** Every call of the trace in the order in which they were entered. */
function callsIn(trace: string, cwd: string): TracedCall[] {
  const counts = new Map<string, number>();
  const main = /^\d+/.exec(trace)?.[0];
  return wholeLines(trace).flatMap(({ thread, text }) => {
    const call = /^(\w+)\(/.exec(text)?.[1];
    if (call === undefined) return [];
    const ordinal = (counts.get(`${thread} ${call}`) ?? 0) + 1;
    counts.set(`${thread} ${call}`, ordinal);
    return [{ call, ordinal, pooled: thread !== main, files: filesNamed(call, text, cwd), text }];
  });
}

/** Puts a call together again that another thread interrupted: `fsync(3 <unfinished ...>` and `<... fsync resumed>) = 0`. */
export function wholeLines(trace: string): { thread: string; text: string }[] {
  const lines: { thread: string; text: string }[] = [];
  const unfinished = new Map<string, { thread: string; text: string }>();
  for (const line of trace.split('\n')) {
    const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined || text === undefined) continue;
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    const begun = unfinished.get(thread);
    if (resumed !== undefined && begun !== undefined) {
      begun.text += resumed;
      unfinished.delete(thread);
      continue;
    }
    const entry = { thread, text: text.replace(/ *<unfinished \.\.\.>(?=\)? *=? *\??$)/, '').trimEnd() };
    lines.push(entry);
    if (text.includes('<unfinished ...>')) unfinished.set(thread, entry);
  }
  return lines;
}

/** The files that a call names: by descriptor, by path, or by a directory's descriptor and a path from there. */
function filesNamed(call: string, text: string, cwd: string): string[] {
  const parts = [...text.matchAll(/(?:AT_FDCWD|\b\d+)<((?:[^>\\]|\\.)*)>|"((?:[^"\\]|\\.)*)"/g)];
  if (BY_DESCRIPTOR.includes(call)) return parts[0]?.[1] === undefined ? [] : [unescaped(parts[0][1])];
  let from = cwd;
  return parts.flatMap(([, directory, path]) => {
    if (directory !== undefined) from = unescaped(directory);
    return path === undefined ? [] : [resolve(from, unescaped(path))];
  });
}

/** strace writes a name's bytes as in C: `\n`, `\"`, `\303`. */
function unescaped(name: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' };
  const bytes = name.replaceAll(/\\(?:([0-7]{1,3})|(.))/g, (_, octal: string | undefined, letter: string) =>
    octal === undefined ? (letters[letter] ?? letter) : String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
