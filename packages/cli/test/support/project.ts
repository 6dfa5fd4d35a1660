/** A project of a test's own: directory, home, and the built command in PATH. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, onTestFinished } from 'vitest';

import { isRoot } from '@lockfast/testkit';

export { isRoot };

export const LOCKFAST = fileURLToPath(new URL('../../bin/lockfast.js', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Around {
  readonly input?: Uint8Array | string;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Run it as the user 65534. */
  readonly unprivileged?: boolean;
  /** Stop it after so many milliseconds. */
  readonly patience?: number;
}

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** Files and directories by path, with what they are, their mode, and a hash of what they hold. */
export type Tree = Readonly<Record<string, string>>;

export class Project implements Disposable {
  /** Everything of the test lies in here. */
  readonly base: string;
  readonly directory: string;
  readonly home: string;
  readonly state: string;
  /** A directory in memory, where `env edit` puts its file. */
  readonly runtime: string;

  constructor() {
    this.base = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-cli-'));
    this.directory = join(this.base, 'project');
    this.home = join(this.base, 'home');
    this.state = join(this.home, '.local/state/lockfast');
    chmodSync(this.base, 0o755);
    mkdirSync(this.directory);
    mkdirSync(this.home);
    mkdirSync(join(this.base, 'bin'));
    this.runtime = mkdtempSync('/dev/shm/lockfast-test-');
    writeFileSync(join(this.base, 'bin/lockfast'), `#!/bin/sh\nexec '${process.execPath}' '${LOCKFAST}' "$@"\n`, { mode: 0o755 });
  }

  get env(): NodeJS.ProcessEnv {
    return { PATH: `${join(this.base, 'bin')}:/usr/bin:/bin`, HOME: this.home, LC_ALL: 'C.UTF-8', TZ: 'UTC', XDG_RUNTIME_DIR: this.runtime, GIT_CONFIG_NOSYSTEM: '1' };
  }

  /** Runs the built command, with standard input closed at once unless there is some. */
  async run(args: readonly string[], { input = '', env = {}, cwd = this.directory, unprivileged = false, patience = 30_000 }: Around = {}): Promise<Outcome> {
    const argv = [...(unprivileged && isRoot ? NOBODY : []), process.execPath, LOCKFAST, ...args];
    const child = spawn(argv[0]!, argv.slice(1), { cwd, env: { ...this.env, ...env }, timeout: patience, killSignal: 'SIGKILL' });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    child.stdout.on('data', (chunk: Buffer) => output.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.stderr.push(chunk));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout: Buffer.concat(output.stdout).toString(), stderr: Buffer.concat(output.stderr).toString() }));
    return promise;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, content: Uint8Array | string, mode = 0o600): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    writeFileSync(path, content, { mode });
    chmodSync(path, mode);
    return path;
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  text(name: string): string {
    return this.read(name).toString();
  }

  /** The file of the root key that `init` made. */
  get rootKey(): string {
    const directory = join(this.home, '.config/lockfast');
    return join(directory, readdirSync(directory)[0]!);
  }

  /** The whole of the test's files, but for the locks, which hold nothing, and the ledger, which grows with every try. */
  tree(): Tree {
    return treeOf(this.base, (path) => /\/state\/lockfast\/(?:locks|ledgers)|\/ledger\.db/.test(path));
  }

  [Symbol.dispose](): void {
    rmSync(this.base, { recursive: true, force: true, maxRetries: 3 });
    rmSync(this.runtime, { recursive: true, force: true });
  }
}

/** A new project, removed when the test ends. */
export function emptyProject(): Project {
  const project = new Project();
  onTestFinished(() => project[Symbol.dispose]());
  return project;
}

/** Another project with the same files, keys included; removed when the test ends. */
export function copyOf(original: Project): Project {
  const project = emptyProject();
  copyInto(original, project);
  return project;
}

/** The same files, keys included. */
export function copyInto(original: Project, project: Project): void {
  for (const part of ['project', 'home']) cpSync(join(original.base, part), join(project.base, part), { recursive: true });
}

const templates = new Map<string, Promise<Project>>();
afterAll(async () => {
  for (const template of templates.values()) (await template)[Symbol.dispose]();
});

async function makeTemplate(content: string): Promise<Project> {
  const project = new Project();
  const steps = content === '' ? [['init']] : [['init'], ['env', 'encrypt']];
  if (content !== '') project.write('.env', content);
  for (const args of steps) {
    const { status, stderr } = await project.run(args);
    if (status !== 0) throw new Error(stderr);
  }
  return project;
}

/** A project after `lockfast init`, with `content` as its encrypted env file. Those with the same content are copies of one, keys included. */
export async function encryptedProject(content: string): Promise<Project> {
  if (!templates.has(content)) templates.set(content, makeTemplate(content));
  return copyOf(await templates.get(content)!);
}

export async function initialisedProject(): Promise<Project> {
  return encryptedProject('');
}

function treeOf(directory: string, ignored: (path: string) => boolean = () => false): Tree {
  const tree: Record<string, string> = {};
  const visit = (path: string): void => {
    if (ignored(path)) return;
    const stats = lstatSync(path);
    const mode = (stats.mode & 0o7777).toString(8);
    const name = path.slice(directory.length);
    if (stats.isDirectory()) {
      tree[`${name}/`] = mode;
      for (const entry of readdirSync(path)) visit(join(path, entry));
    } else if (stats.isSymbolicLink()) tree[name] = `-> ${readlinkSync(path)}`;
    else tree[name] = stats.isFile() ? `${mode} ${stats.size} ${createHash('sha256').update(readFileSync(path)).digest('base64url').slice(0, 12)}` : `${mode} special`;
  };
  visit(directory);
  return tree;
}
