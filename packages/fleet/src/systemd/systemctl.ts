/** systemd through `systemctl`, which is its stable interface; no bus library. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

import { LockfastError } from '@lockfast/core/errors';
import { SYSTEM_PATH } from '@lockfast/core/files';

import type { ServiceManager, UnitState } from './service-manager.ts';

const execute = promisify(execFile);

const PROPERTIES = ['Id', 'LoadState', 'ActiveState', 'SubState', 'Result', 'MainPID', 'NRestarts', 'User', 'FragmentPath', 'DropInPaths', 'NeedDaemonReload'] as const;
/** In one command line. */
const MOST_UNITS = 200;
/** What systemctl reads of an environment, and where it finds the user's manager. Nothing else: it may hold a root key. */
const VARIABLES = ['HOME', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS'];

/** As sd_booted(3): whether the system was started with systemd. */
export function isBooted(): boolean {
  return existsSync('/run/systemd/system');
}

export class Systemctl implements ServiceManager {
  readonly scope: 'system' | 'user';
  readonly #environment: Readonly<Record<string, string | undefined>>;

  /** @param environment that of the command */
  constructor(scope: 'system' | 'user', environment: Readonly<Record<string, string | undefined>>) {
    this.scope = scope;
    this.#environment = {
      ...Object.fromEntries(VARIABLES.map((name) => [name, environment[name]])),
      PATH: SYSTEM_PATH,
      LC_ALL: 'C.UTF-8',
      SYSTEMD_COLORS: '0',
      SYSTEMD_PAGER: '',
    };
  }

  async states(units: readonly string[]): Promise<readonly UnitState[]> {
    const states: UnitState[] = [];
    for (let i = 0; i < units.length; i += MOST_UNITS) {
      const some = units.slice(i, i + MOST_UNITS);
      const { stdout } = await this.#run(['show', `--property=${PROPERTIES.join(',')}`, '--', ...some]);
      const blocks = stdout.split('\n\n').filter((block) => block.trim() !== '');
      if (blocks.length !== some.length) throw new LockfastError('tool-failed', 'systemctl did not answer for each unit', 'see `systemctl status` for what is wrong with systemd');
      // By their order: `Id` is another name where one is an alias.
      states.push(...blocks.map((block, n) => stateOf(some[n]!, block)));
    }
    return states;
  }

  async start(unit: string): Promise<void> {
    await this.#job('start', unit);
  }

  async stop(unit: string): Promise<void> {
    await this.#job('stop', unit);
  }

  async restart(unit: string): Promise<void> {
    // One that failed too often is refused until it is forgotten.
    await this.#run(['reset-failed', '--', unit]).catch(() => {});
    await this.#job('restart', unit);
  }

  async reload(): Promise<void> {
    await this.#run(['daemon-reload']);
  }

  /** Starts it now and at every boot. @throws as `start` */
  async enable(unit: string): Promise<void> {
    await this.#run(['enable', '--', unit]);
    await this.#job('restart', unit);
  }

  /** Ends it, and starts it no more. @throws as `stop` */
  async disable(unit: string): Promise<void> {
    await this.#run(['disable', '--', unit]);
    await this.#job('stop', unit);
  }

  async #job(verb: string, unit: string): Promise<void> {
    try {
      await this.#run([verb, '--', unit]);
    } catch (error) {
      // 5: no such unit (LSB, systemctl(1)).
      if (error instanceof LockfastError && (error.cause as { code?: unknown } | undefined)?.code === 5) {
        throw new LockfastError('service-missing', `systemd knows no unit ${unit}`, 'check the setting `service`, or install the unit: lockfast tenant install', error);
      }
      if (error instanceof LockfastError && error.code === 'tool-failed') {
        throw new LockfastError('service-failed', `${unit} did not ${verb}`, `see why: ${this.scope === 'user' ? 'journalctl --user' : 'journalctl'} -u ${unit}`, error);
      }
      throw error;
    }
  }

  async #run(args: readonly string[]): Promise<{ readonly stdout: string }> {
    try {
      return await execute('systemctl', [...(this.scope === 'user' ? ['--user'] : []), '--no-ask-password', '--no-pager', ...args], { env: this.#environment, maxBuffer: 64 * 2 ** 20 });
    } catch (error) {
      const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
      if (code === 'ENOENT') throw new LockfastError('tool-missing', 'systemctl is not installed', 'without systemd leave `service` out of the configuration');
      if (/Access denied|authentication required|Permission denied/i.test(stderr)) {
        throw new LockfastError('permission-denied', `systemctl ${args[0]} is not permitted`, 'run it as root, or with services of your own: `systemctl --user`', error);
      }
      throw new LockfastError('tool-failed', `systemctl ${args[0]} failed`, 'see `systemctl status` for what is wrong', error);
    }
  }
}

function stateOf(unit: string, block: string): UnitState {
  const values = new Map(block.trim().split('\n').map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const text = (name: (typeof PROPERTIES)[number]): string => values.get(name) ?? '';
  return {
    unit,
    load: text('LoadState'),
    active: text('ActiveState'),
    sub: text('SubState'),
    result: text('Result'),
    mainPid: Number(text('MainPID')),
    restarts: Number(text('NRestarts')),
    user: text('User'),
    files: [text('FragmentPath'), ...text('DropInPaths').split(' ')].filter((path) => path !== ''),
    needsReload: text('NeedDaemonReload') === 'yes',
  };
}
