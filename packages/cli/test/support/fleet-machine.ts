/** A booted systemd with Lockfast on it, and tenants whose services tell what they were given. */
import { cpSync, existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { printAssignment } from '@lockfast/core/env';
import { BootedSystemd, type RunOptions, type RunResult } from '@lockfast/testkit';

const CLI = fileURLToPath(new URL('../..', import.meta.url));
/** Inside. Where this machine has it may be hidden from a service: in /tmp, or somebody's home. */
export const NODE = '/opt/node24/node';
const INSTALLED = '/opt/lockfast';

/** It tells what it got in /dev/shm, which no test looks for traces in; ends well on SIGTERM, and badly on SIGUSR2. */
const PROGRAM = `
const fs = require('node:fs');
const read = (path) => { try { return fs.readFileSync(path, 'latin1'); } catch { return undefined; } };
const credentials = {};
const directory = process.env.CREDENTIALS_DIRECTORY;
if (directory !== undefined) for (const name of fs.readdirSync(directory)) credentials[name] = read(directory + '/' + name);
process.on('SIGTERM', () => process.exit(0));
process.on('SIGUSR2', () => process.exit(1));
const report = '/dev/shm/' + process.argv[2] + '.json';
fs.writeFileSync(report + '.new', JSON.stringify({ pid: process.pid, uid: process.getuid(), argv: process.argv.slice(3), environment: process.env, file: read('.env'), credentials }));
fs.renameSync(report + '.new', report);
setInterval(() => {}, 1e6);
`;

/** What a service found at its start. */
export interface Found {
  readonly pid: number;
  readonly uid: number;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Latin-1, byte for byte; undefined where it could not be read. */
  readonly file?: string;
  readonly credentials: Readonly<Record<string, string>>;
}

export class FleetMachine implements AsyncDisposable {
  readonly machine: BootedSystemd;

  private constructor(machine: BootedSystemd) {
    this.machine = machine;
  }

  static async boot(options: { readonly logins?: boolean } = {}): Promise<FleetMachine> {
    const machine = await BootedSystemd.boot({
      bindReadOnly: [`${dirname(process.execPath)}:${dirname(NODE)}`],
      files: { '/opt/app/serve.js': PROGRAM, '/usr/local/bin/lockfast': `#!/bin/sh\nexec ${NODE} ${INSTALLED}/bin/lockfast.js "$@"\n` },
      ...options,
    });
    for (const part of ['bin', 'dist', 'package.json']) cpSync(join(CLI, part), join(machine.root, INSTALLED, part), { recursive: true });
    const fleet = new FleetMachine(machine);
    await fleet.ok(['chmod', '0755', '/usr/local/bin/lockfast']);
    return fleet;
  }

  /** Runs a command that must not fail, and gives what it prints. */
  async ok(argv: readonly string[], options?: RunOptions): Promise<string> {
    const { status, stdout, stderr } = await this.machine.run(argv, options);
    if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  lockfast(args: readonly string[], options?: RunOptions): Promise<RunResult> {
    return this.machine.run(['/usr/local/bin/lockfast', ...args], options);
  }

  /** A directory with configuration, keys and shared variables of that account, and its tenants in `tenants`. */
  async keep(directory: string, { user, tenants, settings = '' }: { readonly user: string; readonly tenants: string; readonly settings?: string }): Promise<void> {
    await this.ok(['install', '-d', '-o', user, '-g', user, '-m', '0755', directory, dirname(tenants)]);
    const as = user === 'root' ? [] : ['runuser', '-u', user, '--'];
    const home = user === 'root' ? '/root' : `/home/${user}`;
    const own = { cwd: directory, env: { HOME: home } };
    await this.ok([...as, 'lockfast', 'init'], own);
    const configuration = join(this.machine.root, directory, 'lockfast.toml');
    this.machine.write(join(directory, 'lockfast.toml'), `${readFileSync(configuration, 'utf8')}\n[tenants]\npath = "${tenants}"\nextends = "shared.env.encrypted"\nservice = "{tenant}.service"\n${settings}`);
    this.machine.write(join(directory, 'shared.env'), 'SHARED=canary-of-all\nLEVEL=info\n', 0o600);
    await this.ok(['chown', `${user}:${user}`, join(directory, 'shared.env'), join(directory, 'lockfast.toml')]);
    await this.ok([...as, 'lockfast', 'env', 'encrypt', 'shared.env'], own);
  }

  /** A tenant with an encrypted file and a unit that knows nothing of Lockfast. */
  async tenant(name: string, { directory, owner, keeper, service, values }: { readonly directory: string; readonly owner: string; readonly keeper: string; readonly service: readonly string[]; readonly values: Readonly<Record<string, string>> }): Promise<void> {
    const place = join(directory, name);
    await this.ok(['install', '-d', '-o', owner, '-g', owner, '-m', '0700', place]);
    const text = Object.entries(values).map(([variable, value]) => printAssignment(variable, value, 'node').toString('utf8')).join('');
    this.machine.write(join(place, '.env'), `# of ${name}\n${text}`, 0o600);
    await this.ok(['chown', `${owner}:${owner}`, join(place, '.env')]);
    await this.ok(['lockfast', 'env', 'encrypt', join(place, '.env'), '--config', join(keeper, 'lockfast.toml')], { env: { HOME: (await this.ok(['stat', '-c', '%U', keeper])).trim() === 'root' ? '/root' : '/home/deploy' } });
    this.machine.write(`/etc/systemd/system/${name}.service`, ['[Unit]', `Description=${name}`, 'StartLimitIntervalSec=0', '[Service]', `WorkingDirectory=${place}`, `ExecStart="${NODE}" /opt/app/serve.js ${name} "a b" 100%% $$HOME`, ...service, ''].join('\n'));
    await this.ok(['systemctl', 'daemon-reload']);
  }

  /** Does that, and waits for what the service then tells. */
  async told(name: string, action: () => Promise<unknown>): Promise<Found> {
    const report = join(this.machine.root, 'dev/shm', `${name}.json`);
    rmSync(report, { force: true });
    await action().catch(async (error: unknown) => {
      throw new Error(`${String(error)}\n${await this.journal()}`);
    });
    const end = performance.now() + 20_000;
    while (!existsSync(report)) {
      if (performance.now() > end) throw new Error(`${name} does not start: ${await this.journal(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return JSON.parse(readFileSync(report, 'utf8')) as Found;
  }

  systemctl(...args: string[]): Promise<RunResult> {
    return this.machine.run(['systemctl', ...args]);
  }

  /** Waits until it is in one of these states. */
  async until(name: string, ...states: readonly string[]): Promise<void> {
    const end = performance.now() + 20_000;
    for (;;) {
      const state = (await this.systemctl('is-active', name)).stdout.trim();
      if (states.includes(state)) return;
      if (performance.now() > end) throw new Error(`${name} is ${state}: ${await this.journal(name)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async journal(name?: string): Promise<string> {
    return (await this.machine.run(['journalctl', '-o', 'cat', ...(name === undefined ? [] : ['-u', name])])).stdout;
  }

  /** Files with such a text: on its disk, in its /run, in its journal, and in the command line of a process. */
  async traces(text: string): Promise<string[]> {
    const { written, root } = this.machine;
    const found = [...filesWith(text, written).map((path) => path.slice(written.length)), ...filesWith(text, join(root, 'run')).map((path) => path.slice(root.length))];
    if ((await this.journal()).includes(text)) found.push('journal');
    for (const pid of readdirSync(join(root, 'proc')).filter((name) => /^\d+$/.test(name))) {
      try {
        if (readFileSync(join(root, 'proc', pid, 'cmdline'), 'latin1').includes(text)) found.push(`cmdline of ${pid}`);
      } catch {
        // It has ended.
      }
    }
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.machine[Symbol.asyncDispose]();
  }
}

function filesWith(text: string, directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesWith(text, path);
    if (!entry.isFile() || lstatSync(path, { throwIfNoEntry: false }) === undefined) return [];
    try {
      return readFileSync(path).includes(text) ? [path] : [];
    } catch {
      return [];
    }
  });
}
