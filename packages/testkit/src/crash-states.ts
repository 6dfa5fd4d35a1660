/**
 * What a power cut can leave: from the file operations of one run, every state of the disk that its syncs allow. (The
 * method is ALICE's, OSDI 2014.) What was synced is there; of what was not, any part may be missing:
 *
 * - bytes that no fsync of their file followed: there, a file of no length, zeros, or torn at 512 bytes or 4 KiB;
 * - names (created, renamed, linked, removed, directories) that no fsync of their directory followed: done or undone,
 *   each for itself.
 *
 * Modes count as written with the name. The files of a database are taken as they are at that moment: what it may lose
 * is its own business, which its own tests prove.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { type Ended, type Place, wholeLines } from './faults.ts';

/** One change of the disk, or one sync. Paths are absolute. */
export type FileOperation =
  | { readonly kind: 'create'; readonly path: string; readonly mode: number; readonly empties: boolean }
  | { readonly kind: 'write'; readonly path: string; readonly offset: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly path: string; readonly size: number }
  | { readonly kind: 'mode'; readonly path: string; readonly mode: number }
  | { readonly kind: 'sync'; readonly path: string }
  | { readonly kind: 'rename' | 'link'; readonly path: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number };

/** A file or a directory of a state. Two files of one `node` are one file with two names. */
export interface DiskEntry {
  readonly node: number;
  readonly mode: number;
  /** Undefined for a directory. */
  readonly bytes: Buffer | undefined;
}

export interface CrashState {
  /** After how many operations the power went, and what was lost then. */
  readonly name: string;
  readonly entries: ReadonlyMap<string, DiskEntry>;
}

const TRACED = ['open', 'openat', 'creat', 'write', 'pwrite64', 'writev', 'pwritev', 'ftruncate', 'fchmod', 'chmod', 'fsync', 'fdatasync', 'rename', 'renameat', 'renameat2', 'link', 'linkat', 'unlink', 'unlinkat', 'rmdir', 'mkdir', 'mkdirat'];

/**
 * With more names at stake than this, not every combination is made, but each one alone, all up to each, and all; and
 * bytes are lost only where all names are there.
 */
const MOST_COMBINED = 5;

/** Runs a command and gives the operations under the watched paths that it did, in order, with their bytes. */
export async function recordFileOperations(command: string, args: readonly string[], place: Place): Promise<Ended & { readonly operations: readonly FileOperation[] }> {
  const scratch = mkdtempSync(join(tmpdir(), 'lockfast-strace-'));
  const output = join(scratch, 'trace');
  try {
    const traced = TRACED.map((call) => `?${call}`).join(',');
    const child = spawn('strace', ['-f', '-y', '-xx', '-s', String(2 ** 24), '--seccomp-bpf', '-o', output, `--trace=${traced}`, '--', command, ...args], {
      cwd: place.cwd,
      env: { ...place.env, UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (printed.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (printed.stderr += chunk.toString()));
    const { promise, resolve: done, reject } = Promise.withResolvers<Pick<Ended, 'status' | 'signal'>>();
    child.on('error', reject);
    child.on('close', (status, signal) => done({ status, signal }));
    const ended = await promise;
    const operations = wholeLines(readFileSync(output, 'latin1'))
      .flatMap(({ text }) => operationOf(text, place.cwd))
      .filter(({ path }) => place.paths.some((watched) => path === watched || path.startsWith(`${watched}/`)));
    return { ...printed, ...ended, operations };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function operationOf(line: string, cwd: string): FileOperation[] {
  const [, call, text, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(line) ?? [];
  if (call === undefined || text === undefined || Number(result) < 0) return [];
  const parts = [...text.matchAll(/(?:AT_FDCWD|\b\d+)<((?:\\x[0-9a-f]{2})*)[^>]*>|"((?:\\x[0-9a-f]{2})*)"/g)];
  const strings = parts.map(([, directory, string]) => bytesOf(directory ?? string ?? ''));
  const named: string[] = [];
  let from = cwd;
  for (const [i, [, directory]] of parts.entries()) {
    if (directory !== undefined) from = strings[i]!.toString();
    else named.push(resolve(from, strings[i]!.toString()));
  }
  const [path, to] = named;
  const held = strings[0]?.toString() ?? '';
  const last = text.slice(text.lastIndexOf(',') + 1).trim();
  const mode = Number.parseInt(last, 8);
  switch (call) {
    case 'open':
    case 'openat':
    case 'creat':
      return /O_CREAT|O_TRUNC/.test(text) ? [{ kind: 'create', path: path!, mode, empties: text.includes('O_TRUNC') }] : [];
    case 'pwrite64':
      return [{ kind: 'write', path: held, offset: Number(last), bytes: strings[1]!.subarray(0, Number(result)) }];
    case 'write':
    case 'writev':
    case 'pwritev':
      // To pipes and sockets: a file that is written so has no path of a directory that is watched.
      return held.startsWith('/') ? [{ kind: 'write', path: held, offset: -1, bytes: strings[1]!.subarray(0, Number(result)) }] : [];
    case 'ftruncate':
      return [{ kind: 'truncate', path: held, size: Number(last) }];
    case 'fchmod':
      return [{ kind: 'mode', path: held, mode }];
    case 'chmod':
      return [{ kind: 'mode', path: path!, mode }];
    case 'fsync':
    case 'fdatasync':
      return [{ kind: 'sync', path: held }];
    case 'link':
    case 'linkat':
      return [{ kind: 'link', path: path!, to: to! }];
    case 'unlink':
    case 'unlinkat':
    case 'rmdir':
      return [{ kind: 'remove', path: path! }];
    case 'mkdir':
    case 'mkdirat':
      return [{ kind: 'directory', path: path!, mode }];
    default:
      return [{ kind: 'rename', path: path!, to: to! }];
  }
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll('\\x', ''), 'hex');
}

interface Node {
  readonly isDirectory: boolean;
  mode: number;
  bytes: Buffer;
  /** Undefined for one that is as it is on the disk. */
  synced: Buffer | undefined;
  unsynced: boolean;
}

/** A change of one directory that is not synced yet. */
interface NameChange {
  readonly directory: string;
  readonly text: string;
  apply(names: Map<string, number>): void;
}

/**
 * Every state in which a power cut can leave `directory`, each once; the first is how it was, the last one how it is.
 *
 * @param start the directory as it was before the operations
 * @param ownsItself whether a file's own program sees to it: see above
 */
export function* crashStates(directory: string, start: string, operations: readonly FileOperation[], ownsItself: (path: string) => boolean): Generator<CrashState> {
  const disk = new Disk(directory, start, ownsItself);
  const seen = new Set<string>();
  for (let done = 0; done <= operations.length; done++) {
    if (done > 0) disk.apply(operations[done - 1]!);
    for (const state of disk.states(done)) {
      const hash = createHash('sha256');
      for (const [path, { bytes, mode }] of [...state.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${path} ${mode} ${bytes?.length ?? -1}\n`).update(bytes ?? '');
      const key = hash.digest('base64');
      if (seen.has(key)) continue;
      seen.add(key);
      yield state;
    }
  }
}

/** The states in which a power cut after all of it can leave `directory`: one alone when everything was synced. */
export function lastStates(directory: string, start: string, operations: readonly FileOperation[], ownsItself: (path: string) => boolean): CrashState[] {
  const disk = new Disk(directory, start, ownsItself);
  for (const operation of operations) disk.apply(operation);
  return [...disk.states(operations.length)];
}

/** Puts a state on a real disk: `directory` has nothing but it. */
export function layOutState(state: CrashState, directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const placed = new Map<number, string>();
  for (const [path, { node, bytes, mode }] of [...state.entries].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const first = placed.get(node);
    if (bytes === undefined) mkdirSync(path, { mode });
    else if (first === undefined) {
      writeFileSync(path, bytes, { mode: 0o600 });
      chmodSync(path, mode);
      placed.set(node, path);
    } else linkSync(first, path);
  }
}

class Disk {
  readonly #root: string;
  readonly #ownsItself: (path: string) => boolean;
  readonly #nodes: Node[] = [];
  /** As the running system sees them. */
  readonly #names = new Map<string, number>();
  readonly #durable: Map<string, number>;
  #pending: NameChange[] = [];

  constructor(root: string, start: string, ownsItself: (path: string) => boolean) {
    this.#root = root;
    this.#ownsItself = ownsItself;
    const inodes = new Map<number, number>();
    const visit = (from: string, to: string): void => {
      const stats = lstatSync(from);
      const known = stats.isFile() ? inodes.get(stats.ino) : undefined;
      const node = known ?? this.#new(stats.isDirectory(), stats.mode & 0o7777, stats.isFile() ? readFileSync(from) : Buffer.alloc(0));
      if (known === undefined) this.#nodes[node]!.unsynced = false;
      inodes.set(stats.ino, node);
      if (to !== root) this.#names.set(to, node);
      if (stats.isDirectory()) for (const name of readdirSync(from)) visit(join(from, name), join(to, name));
    };
    visit(start, root);
    this.#durable = new Map(this.#names);
  }

  apply(operation: FileOperation): void {
    const { path } = operation;
    const node = this.#nodes[this.#names.get(path) ?? -1];
    switch (operation.kind) {
      case 'create':
        if (node === undefined) this.#name(path, this.#new(false, operation.mode, Buffer.alloc(0)), `create ${path}`);
        else if (operation.empties) this.#write(node, Buffer.alloc(0));
        break;
      case 'write':
        if (node !== undefined) this.#write(node, spliced(node.bytes, operation.offset === -1 ? node.bytes.length : operation.offset, operation.bytes));
        break;
      case 'truncate':
        if (node !== undefined) this.#write(node, spliced(node.bytes.subarray(0, operation.size), operation.size, Buffer.alloc(0)));
        break;
      case 'mode':
        if (node !== undefined) node.mode = operation.mode;
        break;
      case 'sync':
        this.#sync(path, node);
        break;
      case 'rename': {
        const moved = this.#names.get(path);
        if (moved !== undefined) this.#change(dirname(operation.to), `rename ${path} to ${operation.to}`, (names) => void (names.delete(path), names.set(operation.to, moved)));
        break;
      }
      case 'link':
        this.#name(operation.to, this.#names.get(path)!, `link ${operation.to}`);
        break;
      case 'remove':
        this.#change(dirname(path), `remove ${path}`, (names) => void names.delete(path));
        break;
      case 'directory':
        this.#name(path, this.#new(true, operation.mode, Buffer.alloc(0)), `mkdir ${path}`);
    }
  }

  *states(done: number): Generator<CrashState> {
    for (const lost of lostNames(this.#pending)) {
      const names = new Map(this.#durable);
      for (const change of this.#pending) if (!lost.includes(change)) change.apply(names);
      const reached = this.#reachable(names);
      const torn = [...new Set(reached.values())].filter((node) => this.#nodes[node]!.unsynced);
      const atStake = this.#pending.length > MOST_COMBINED && lost.length > 0 ? [] : torn;
      for (const { text, bytes } of lostBytes(atStake.map((node) => [node, this.#nodes[node]!] as const))) {
        const entries = new Map<string, DiskEntry>();
        for (const [path, node] of reached) {
          const { isDirectory, mode, bytes: whole } = this.#nodes[node]!;
          entries.set(path, { node, mode, bytes: isDirectory ? undefined : (bytes.get(node) ?? whole) });
        }
        const what = [...lost.map((change) => `without ${change.text.replaceAll(`${this.#root}/`, '')}`), text].filter((part) => part !== '');
        yield { name: `after ${done} operations${what.length === 0 ? '' : `, ${what.join(', ')}`}`, entries };
      }
    }
  }

  #new(isDirectory: boolean, mode: number, bytes: Buffer): number {
    return this.#nodes.push({ isDirectory, mode, bytes, synced: isDirectory ? undefined : Buffer.alloc(0), unsynced: !isDirectory }) - 1;
  }

  #write(node: Node, bytes: Buffer): void {
    if (!node.unsynced) node.synced = node.bytes;
    node.bytes = bytes;
    node.unsynced = true;
  }

  #sync(path: string, node: Node | undefined): void {
    if (node === undefined && path !== this.#root) return;
    if (node !== undefined && !node.isDirectory) {
      node.unsynced = false;
      return;
    }
    for (const change of this.#pending) if (change.directory === path) change.apply(this.#durable);
    this.#pending = this.#pending.filter((change) => change.directory !== path);
  }

  #name(path: string, node: number, text: string): void {
    if (this.#ownsItself(path)) this.#nodes[node]!.unsynced = false;
    this.#change(dirname(path), text, (names) => void names.set(path, node), path);
  }

  #change(directory: string, text: string, apply: NameChange['apply'], path = ''): void {
    apply(this.#names);
    if (this.#ownsItself(path) || /^remove .*(?:-wal|-shm|-journal)$/.test(text)) apply(this.#durable);
    else this.#pending.push({ directory, text, apply });
  }

  /** What has all its directories; a database's files are as they are. */
  #reachable(names: ReadonlyMap<string, number>): Map<string, number> {
    const reached = new Map<string, number>();
    for (const [path, node] of [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (dirname(path) === this.#root || reached.has(dirname(path))) reached.set(path, node);
      if (this.#ownsItself(path)) this.#nodes[node]!.unsynced = false;
    }
    return reached;
  }
}

function spliced(bytes: Buffer, offset: number, more: Buffer): Buffer {
  const result = Buffer.alloc(Math.max(bytes.length, offset + more.length));
  bytes.copy(result);
  more.copy(result, offset);
  return result;
}

/** Which of the names may be lost together. */
function lostNames(pending: readonly NameChange[]): (readonly NameChange[])[] {
  if (pending.length <= MOST_COMBINED) {
    return Array.from({ length: 2 ** pending.length }, (_, set) => pending.filter((_one, i) => (set & (1 << i)) !== 0));
  }
  const each = pending.flatMap((one, i) => [[one], pending.filter((other) => other !== one), pending.slice(i), pending.slice(0, i)]);
  return [[], pending, ...each];
}

/** What may be lost of the bytes of files that are not synced: of one at a time, and of all. */
function lostBytes(unsynced: readonly (readonly [number, Node])[]): { readonly text: string; readonly bytes: ReadonlyMap<number, Buffer> }[] {
  const whole = { text: '', bytes: new Map<number, Buffer>() };
  const one = unsynced.flatMap(([node, { bytes, synced }]) => {
    const variants: readonly (readonly [string, Buffer])[] = [
      ['its bytes lost', synced ?? Buffer.alloc(0)],
      ['zeros', Buffer.alloc(bytes.length)],
      ...[512, 4096].flatMap((sector) => {
        const cut = Math.floor((bytes.length - 1) / sector) * sector;
        if (cut <= 0) return [];
        const end = spliced(bytes.subarray(0, cut), bytes.length, Buffer.alloc(0));
        const begin = Buffer.concat([Buffer.alloc(sector), bytes.subarray(sector)]);
        return [[`torn after ${cut}`, end] as const, [`its first ${sector} bytes lost`, begin] as const];
      }),
    ];
    return variants.map(([text, variant]) => ({ text, bytes: new Map([[node, variant]]) }));
  });
  const all = unsynced.length < 2 ? [] : [{ text: 'all bytes lost', bytes: new Map(unsynced.map(([node, { synced }]) => [node, synced ?? Buffer.alloc(0)])) }];
  return [whole, ...one, ...all];
}
