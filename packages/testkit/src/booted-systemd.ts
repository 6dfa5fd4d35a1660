/**
 * A real systemd for tests: process 1 of a container of its own (systemd-nspawn), on a throw-away overlay of this
 * machine's root. Nothing here is changed, and what the container writes is gone with it. It boots in half a second.
 *
 * What shapes it:
 * - Without systemd-machined here there is no `machinectl`: commands enter the namespaces of its process 1 (nsenter).
 * - Inside, /tmp and /run are memory of its own: what lies there outside needs `bindReadOnly`.
 * - It has no network but its loopback.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { isRoot } from './mounting.ts';

const BOOT_MS = 30_000;
const STOP_MS = 20_000;
/** SIGRTMIN+4, which systemd takes for `systemctl poweroff`. Node knows no names for these. */
const POWER_OFF = 38;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Of what the distribution starts by itself: it needs hardware, a network or a terminal. */
const MASKED = ['console-getty.service', 'getty.target', 'networking.service', 'systemd-timesyncd.service', 'systemd-resolved.service', 'systemd-networkd.service'];

export interface BootOptions {
  /** Texts by absolute path inside, mode 0644; there before it boots. */
  readonly files?: Readonly<Record<string, string>>;
  /** Directories of this machine that are at the same path inside, or at another one: `FROM:TO`. */
  readonly bindReadOnly?: readonly string[];
  /** Without it nobody can log in: no /run/user, no `systemctl --user`. */
  readonly logins?: boolean;
}

export interface RunOptions {
  readonly input?: string;
  /** All of its environment, besides PATH, HOME and LANG. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface RunResult {
  /** 128+n when signal n ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why systemd can't be booted here, as a clause for the title of a skipped test; undefined when it can. */
export function missingForSystemd(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (!isRoot) return 'needs root';
  for (const tool of ['systemd-nspawn', 'nsenter', 'setpriv']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return `needs ${tool}`;
  }
  const disk = new Disk();
  try {
    return disk.mount() ? undefined : 'needs overlayfs';
  } finally {
    disk.remove();
  }
}

export class BootedSystemd implements AsyncDisposable {
  static #count = 0;
  readonly #disk = new Disk();
  readonly #name = `lockfast-${process.pid}-${(BootedSystemd.#count += 1)}`;
  readonly #options: BootOptions;
  #container: ChildProcess | undefined;
  #leader = 0;

  private constructor(options: BootOptions) {
    this.#options = options;
  }

  /** Resolves when it is up. @throws Error with its console when it does not come up */
  static async boot(options: BootOptions = {}): Promise<BootedSystemd> {
    const machine = new BootedSystemd(options);
    try {
      if (!machine.#disk.mount()) throw new Error('the overlay of / was not mounted');
      machine.#lay();
      await machine.#start();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its root directory, from outside: with its /run while it is up. */
  get root(): string {
    return this.#leader === 0 ? this.#disk.root : `/proc/${this.#leader}/root`;
  }

  /** All that it ever wrote to its disk, as files; what it holds in memory (/run, /tmp) is not there. */
  get written(): string {
    return this.#disk.upper;
  }

  /** Runs a command inside, as root, with its output in memory. */
  run([command, ...args]: readonly string[], { input, env = {}, cwd = '/' }: RunOptions = {}): Promise<RunResult> {
    if (this.#leader === 0) throw new Error('the machine is off');
    const variables = Object.entries({ PATH, HOME: '/root', LANG: 'C.UTF-8', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '', ...env }).map(([name, value]) => `${name}=${value}`);
    const child = spawn('nsenter', [`--target=${this.#leader}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root', '--wd', '--', 'env', '-i', `--chdir=${cwd}`, ...variables, command!, ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status: status ?? 128, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
    // One that ends without reading it all is no failure of the test.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    return promise;
  }

  /** Writes a file inside, with the directories above it; a mode whatever the umask is. */
  write(path: string, text: string | Uint8Array, mode = 0o644): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  }

  /** Everything inside is gone at once, nothing is stopped or cleaned up. It stays off until `reboot`. */
  async powerCut(): Promise<void> {
    if (this.#leader !== 0) process.kill(this.#leader, 'SIGKILL');
    await this.#ended();
  }

  /** Shuts it down in order, unless it is off, and boots the same disk again. */
  async reboot(): Promise<void> {
    await this.#stop();
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    this.#disk.remove();
  }

  #lay(): void {
    const { root } = this.#disk;
    const units = join(root, 'etc/systemd/system');
    writeFileSync(join(root, 'etc/machine-id'), '');
    rmSync(join(root, 'etc/resolv.conf'), { force: true });
    // What this machine starts by itself is no part of a test.
    for (const name of readdirSync(units)) if (name.endsWith('.wants')) rmSync(join(units, name), { recursive: true });
    for (const unit of [...MASKED, ...(this.#options.logins === true ? [] : ['systemd-logind.service'])]) {
      rmSync(join(units, unit), { force: true });
      symlinkSync('/dev/null', join(units, unit));
    }
    this.write('/etc/systemd/journald.conf.d/50-test.conf', '[Journal]\nStorage=volatile\nForwardToConsole=no\nRateLimitIntervalSec=0\n');
    for (const [path, text] of Object.entries(this.#options.files ?? {})) this.write(path, text);
  }

  async #start(): Promise<void> {
    const console: Buffer[] = [];
    // It dies with the test that a signal ends.
    const container = spawn(
      'setpriv',
      [
        '--pdeathsig',
        'KILL',
        'systemd-nspawn',
        '-q',
        '-b',
        '-D',
        this.#disk.root,
        '--register=no',
        '--keep-unit',
        '--private-network',
        `--machine=${this.#name}`,
        '--kill-signal=SIGRTMIN+3',
        ...(this.#options.bindReadOnly ?? []).map((directory) => `--bind-ro=${directory}`),
        '--',
        'systemd.unit=multi-user.target',
        'systemd.show_status=no',
      ],
      { env: { PATH: process.env['PATH'], SYSTEMD_NSPAWN_TMPFS_TMP: '1' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    container.stdout.on('data', (chunk: Buffer) => console.push(chunk));
    container.stderr.on('data', (chunk: Buffer) => console.push(chunk));
    this.#container = container;
    const end = performance.now() + BOOT_MS;
    while (!(await this.#isUp(container))) {
      if (container.exitCode !== null || container.signalCode !== null || performance.now() > end) throw new Error(`systemd did not boot: ${Buffer.concat(console).toString()}`);
      await sleep(20);
    }
  }

  async #isUp({ pid }: ChildProcess): Promise<boolean> {
    try {
      this.#leader = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
      if (this.#leader === 0 || readFileSync(`/proc/${this.#leader}/comm`, 'utf8') !== 'systemd\n') return false;
    } catch {
      return false;
    }
    const { stdout } = await this.run(['systemctl', 'is-system-running']);
    return /^(?:running|degraded)$/m.test(stdout);
  }

  async #stop(): Promise<void> {
    if (this.#leader !== 0) process.kill(this.#leader, POWER_OFF);
    await this.#ended();
  }

  async #ended(): Promise<void> {
    const container = this.#container;
    if (container !== undefined && container.exitCode === null && container.signalCode === null) {
      const tooLong = setTimeout(() => container.kill('SIGKILL'), STOP_MS);
      await once(container, 'exit');
      clearTimeout(tooLong);
    }
    this.#container = undefined;
    this.#leader = 0;
  }
}

/** An overlay of / in a temporary directory. */
class Disk {
  readonly #directory = mkdtempSync(join(realpathSync.native(tmpdir()), 'lockfast-systemd-'));
  readonly root = join(this.#directory, 'root');
  readonly upper = join(this.#directory, 'upper');
  #mounted = false;

  mount(): boolean {
    const work = join(this.#directory, 'work');
    for (const directory of [this.root, this.upper, work]) mkdirSync(directory);
    this.#mounted = spawnSync('mount', ['-t', 'overlay', 'lockfast-test', '-o', `lowerdir=/,upperdir=${this.upper},workdir=${work}`, this.root], { stdio: 'ignore' }).status === 0;
    return this.#mounted;
  }

  remove(): void {
    if (this.#mounted) spawnSync('umount', ['--lazy', this.root], { stdio: 'ignore' });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
