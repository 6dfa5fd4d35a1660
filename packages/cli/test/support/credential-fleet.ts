/** Tenants with services in a booted systemd: each gets its variables through `lockfast run`, and writes down what it got. */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BootedSystemd, type RunResult } from '@lockfast/testkit';

/** Inside. Where this machine has them may be hidden from a service: in /tmp, or somebody's home. */
const NODE = '/opt/node24/node';
const ROOT = '/opt/lockfast-source';
const LOCKFAST = `${ROOT}/packages/cli/bin/lockfast.js`;
const SOURCE = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '');
export const DIRECTORY = '/srv/shop';

/** What a unit's program does with the value that it gets. */
type Manner = 'takes' | 'refuses' | 'slow' | 'down' | 'missing';

/** In memory what it got; `/srv/accept/NAME` lets one that refuses take anything. */
const PROGRAM = `#!/bin/sh
mkdir -p /run/seen /run/up
printf %s "$API_KEY" > "/run/seen/$1"
echo "$1" >> /run/starts
if [ "$2" = refuses ] && [ ! -e "/srv/accept/$1" ]; then
  case $API_KEY in old-*) ;; *) exit 1 ;; esac
fi
if [ "$2" = slow ]; then sleep 2; fi
touch "/run/up/$1"
exec sleep infinity
`;

export interface FleetMember {
  readonly name: string;
  readonly manner: Manner;
  /** Its own value; it has the shared one without. */
  readonly own?: string;
  /** Whether systemd starts it again and again when it fails. */
  readonly restarts?: boolean;
  /** Well when its unit stays active: that takes a second. The others are asked by a command. */
  readonly bare?: boolean;
}

export class CredentialFleet implements AsyncDisposable {
  readonly machine: BootedSystemd;
  readonly members: readonly FleetMember[];

  private constructor(machine: BootedSystemd, members: readonly FleetMember[]) {
    this.machine = machine;
    this.members = members;
  }

  /** Tenants, files and units; those that are not down run. */
  static async boot(members: readonly FleetMember[], shared: string): Promise<CredentialFleet> {
    const machine = await BootedSystemd.boot({ bindReadOnly: [`${dirname(realpathSync(process.execPath))}:${dirname(NODE)}`, `${SOURCE}:${ROOT}`] });
    const fleet = new CredentialFleet(machine, members);
    machine.write('/srv/serve', PROGRAM, 0o755);
    machine.write(join(DIRECTORY, '.keep'), '');
    await fleet.expectDone(['init']);
    // One that is started again and again is given up when its time is out: no test waits for that longer than it must.
    const asked = members.filter(({ bare = false }) => !bare).map(({ name, restarts = false }) => `[tenant."${name}".health]\ncommand = ["/usr/bin/test", "-e", "/run/up/{tenant}"]\ntimeout = "${restarts ? 6 : 12}s"\n`);
    machine.write(
      join(DIRECTORY, 'lockfast.toml'),
      `${readFileSync(join(machine.root, DIRECTORY, 'lockfast.toml'), 'utf8')}\n[tenants]\npath = "${DIRECTORY}/tenants/{tenant}"\nextends = "shared/defaults.env.encrypted"\nservice = "shop-{tenant}"\n[log]\nrotations = "/srv/rotations.log"\n${asked.join('')}`,
    );
    machine.write(join(DIRECTORY, 'shared/defaults.env'), `API_KEY=${shared}\n`);
    await fleet.expectDone(['env', 'encrypt', 'shared/defaults.env']);
    for (const { name, manner, own, restarts = false } of members) {
      machine.write(join(DIRECTORY, 'tenants', name, '.env'), `# ${name}\nNAME=${name}\n${own === undefined ? '' : `API_KEY=${own}\n`}`);
      await fleet.expectDone(['env', 'encrypt', `tenants/${name}/.env`]);
      if (manner !== 'missing') machine.write(`/etc/systemd/system/shop-${name}.service`, unitOf({ name, manner, restarts }));
    }
    await machine.run(['systemctl', 'daemon-reload']);
    const up = fleet.running();
    if (up.length > 0) await machine.run(['systemctl', 'start', ...up.map(unit)]);
    return fleet;
  }

  running(): string[] {
    return this.members.filter(({ manner }) => manner !== 'down' && manner !== 'missing').map(({ name }) => name);
  }

  lockfast(args: readonly string[], input?: string): Promise<RunResult> {
    return this.machine.run([NODE, LOCKFAST, ...args], { cwd: DIRECTORY, ...(input === undefined ? {} : { input }) });
  }

  /** Killed before the n-th file that it puts in place: of the journal, of the ledger's notes, of a tenant. */
  killedAt(ordinal: number, args: readonly string[], input?: string): Promise<RunResult> {
    const strace = ['strace', '-o', '/dev/null', '--trace=rename', `--inject=rename:signal=KILL:when=${ordinal}`, '--'];
    return this.machine.run([...strace, NODE, LOCKFAST, ...args], { cwd: DIRECTORY, ...(input === undefined ? {} : { input }) });
  }

  async expectDone(args: readonly string[], input?: string): Promise<RunResult> {
    const result = await this.lockfast(args, input);
    if (result.status !== 0) throw new Error(`lockfast ${args.join(' ')}: ${result.stderr}`);
    return result;
  }

  /** What each service that runs got when it started last. */
  seen(): Record<string, string> {
    return Object.fromEntries(this.running().map((name) => [name, readFileSync(join(this.machine.root, 'run/seen', name), 'utf8')]));
  }

  /** `active`, `inactive` and their like, of all that there are. */
  async states(): Promise<Record<string, string>> {
    const there = this.members.filter(({ manner }) => manner !== 'missing').map(({ name }) => name);
    const { stdout } = await this.machine.run(['systemctl', 'is-active', ...there.map(unit)]);
    return Object.fromEntries(stdout.trim().split('\n').map((state, i) => [there[i]!, state]));
  }

  async pids(): Promise<Record<string, string>> {
    const { stdout } = await this.machine.run(['systemctl', 'show', '-P', 'MainPID', ...this.running().map(unit)]);
    return Object.fromEntries(stdout.trim().split(/\n+/).map((pid, i) => [this.running()[i]!, pid]));
  }

  /** The value in a tenant's file, or in the shared one. */
  async value(name: string): Promise<string> {
    return (await this.expectDone(['env', 'get', 'API_KEY', '--file', fileOf(name)])).stdout;
  }

  /** Of the files that set the value; of the others, which no rotation may touch, what stands on the disk. */
  async texts(): Promise<Record<string, string>> {
    const texts: Record<string, string> = {};
    for (const { name, own } of [{ name: '', own: 'shared' }, ...this.members]) {
      const file = fileOf(name);
      texts[file] = own === undefined ? readFileSync(join(this.machine.root, DIRECTORY, file), 'utf8') : (await this.expectDone(['env', 'decrypt', '--out', '-', file])).stdout;
    }
    return texts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

/** @param name of a tenant; empty for the shared file */
export function fileOf(name: string): string {
  return name === '' ? 'shared/defaults.env.encrypted' : `tenants/${name}/.env.encrypted`;
}

function unit(name: string): string {
  return `shop-${name}.service`;
}

function unitOf({ name, manner, restarts = false }: FleetMember): string {
  return [
    '[Unit]',
    'StartLimitIntervalSec=0',
    '[Service]',
    'Environment=HOME=/root',
    `WorkingDirectory=${DIRECTORY}`,
    `ExecStartPre=-/bin/rm /run/up/${name}`,
    `ExecStart=${NODE} ${LOCKFAST} run --tenant ${name} -- /srv/serve ${name} ${manner}`,
    ...(restarts ? ['Restart=on-failure', 'RestartSec=300ms'] : []),
    '',
  ].join('\n');
}
