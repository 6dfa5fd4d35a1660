/** Services in a really booted systemd, for each of the three ways: what they get, and what is left behind. */
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

import { missingForSystemd } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FleetMachine, type Found } from './support/fleet-machine.ts';

const missing = missingForSystemd();

const CANARY = 'canary-of-a-tenant';
/** What quoting, shells and unit files make something else of. */
const VALUES: Readonly<Record<string, string>> = {
  AMPERSAND: 'a&b',
  PIPE: 'a|b',
  BACKSLASH: String.raw`a\b\\n\x41`,
  DOLLAR: '$HOME ${PATH} $$',
  HASH: 'a #b',
  QUOTES: `"double" and it's`,
  LINES: 'one\ntwo\n',
  UNICODE: 'naïve ☃ 漢字',
  PERCENT: '100%d %i %%',
  SECRET: CANARY,
};
const EXPECTED = { ...VALUES, SHARED: 'canary-of-all', LEVEL: 'info' };

const ROOTS = '/srv/my fleet 100%';
const ROOTS_TENANTS = '/srv/tenants';
const OWN = '/home/deploy/my fleet';
const OWN_TENANTS = '/home/deploy/tenants';

interface Case {
  readonly what: string;
  readonly name: string;
  readonly way: 'run' | 'file' | 'credential';
  /** The account that owns the tenant's directory. */
  readonly owner: string;
  readonly kept: 'by root' | 'by deploy';
  readonly service: readonly string[];
}

const CASES: readonly Case[] = [
  { what: 'run, of the account that keeps the key', name: 'own-run', way: 'run', owner: 'deploy', kept: 'by deploy', service: ['User=deploy'] },
  { what: 'run, of another account', name: 'user-run', way: 'run', owner: 'web', kept: 'by root', service: ['User=web'] },
  { what: 'run, of an account made at the start, in a sandbox', name: 'dynamic-run', way: 'run', owner: 'root', kept: 'by root', service: ['DynamicUser=yes', 'ProtectSystem=strict', 'ProtectHome=yes', 'PrivateTmp=yes'] },
  { what: 'file, of the account that keeps the key', name: 'own-file', way: 'file', owner: 'deploy', kept: 'by deploy', service: ['User=deploy', 'EnvironmentFile=/home/deploy/tenants/own-file/.env'] },
  { what: 'file, of another account, in a sandbox', name: 'user-file', way: 'file', owner: 'web', kept: 'by root', service: ['User=web', 'ProtectSystem=strict', 'ProtectHome=yes'] },
  { what: 'credential, of another account', name: 'user-credential', way: 'credential', owner: 'web', kept: 'by root', service: ['User=web'] },
  { what: 'credential, of an account made at the start', name: 'dynamic-credential', way: 'credential', owner: 'root', kept: 'by root', service: ['DynamicUser=yes'] },
];

describe.skipIf(missing !== undefined)(`services under systemd${missing === undefined ? '' : ` (${missing})`}`, () => {
  let fleet: FleetMachine;
  beforeAll(async () => {
    fleet = await FleetMachine.boot();
    await fleet.ok(['useradd', '--create-home', 'deploy']);
    await fleet.ok(['useradd', '--system', 'web']);
    await fleet.keep(ROOTS, { user: 'root', tenants: `${ROOTS_TENANTS}/{tenant}`, settings: settingsOf('by root') });
    await fleet.keep(OWN, { user: 'deploy', tenants: `${OWN_TENANTS}/{tenant}`, settings: settingsOf('by deploy') });
    await fleet.ok(['chmod', '0755', '/srv/tenants', '/home/deploy']);
    for (const one of CASES) {
      await fleet.tenant(one.name, { directory: tenantsOf(one), owner: one.owner, keeper: keeperOf(one), service: ['Restart=on-failure', 'RestartSec=100ms', ...one.service], values: VALUES });
      // Accounts that systemd makes must get into the directory.
      if (one.service.includes('DynamicUser=yes')) await fleet.ok(['chmod', '0755', join(tenantsOf(one), one.name)]);
    }
  }, 120_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  describe.each(CASES)('$what', (one) => {
    const { name, way } = one;
    const plain = join(tenantsOf(one), name, '.env');
    const start = (): Promise<Found> => fleet.told(name, () => fleet.ok(['systemctl', 'restart', name]));
    const there = (path: string): boolean => lstatSync(join(fleet.machine.root, path), { throwIfNoEntry: false }) !== undefined;

    /** No plaintext anywhere. While the service runs, only where its way has it. */
    const nothingLeft = async (): Promise<void> => {
      expect(await fleet.traces(CANARY)).toEqual([]);
      expect(there(plain)).toBe(false);
    };
    const running = async (): Promise<void> => {
      const places = (await fleet.traces(CANARY)).filter((path) => !path.startsWith('/run/credentials/'));
      const expected = { run: [], file: [`/run/lockfast/${name}/.env`, `/run/lockfast/${name}/.env.as-opened`], credential: [`/run/lockfast-credential/${name}/env`, `/run/lockfast-credential/${name}/variables/SECRET`] }[way];
      // Of an account made at the start, systemd keeps the directory in /run/private.
      expect(places.map((path) => path.replace('/run/private/', '/run/')).toSorted()).toEqual(expected);
    };

    test('[E10] is installed beside the unit, which stays as it is, and starts with every value byte for byte', async () => {
      const unit = readFileSync(join(fleet.machine.root, `etc/systemd/system/${name}.service`), 'utf8');
      const said = await fleet.lockfast(['tenant', 'install', name, '--config', join(keeperOf(one), 'lockfast.toml')]);
      expect([said.status, said.stderr]).toEqual([0, '']);
      expect(readFileSync(join(fleet.machine.root, `etc/systemd/system/${name}.service`), 'utf8')).toBe(unit);
      expect(await fleet.ok(['systemd-analyze', 'verify', `${name}.service`])).toBe('');
      const found = await start();
      expect(found.argv).toEqual(['a b', '100%', '$HOME']);
      expect(valuesIn(found, way)).toEqual(EXPECTED);
      // The unit's own EnvironmentFile= names the .env: systemd reads it, too.
      if (way !== 'run') expect('SECRET' in found.environment).toBe(name === 'own-file');
      expect(found.environment['CREDENTIALS_DIRECTORY'] === undefined).toBe(way !== 'credential');
      await running();
    });

    test('[E10] leaves nothing behind when it stops', async () => {
      await start();
      await fleet.ok(['systemctl', 'stop', name]);
      await nothingLeft();
    });

    test.each(['SIGUSR2', 'SIGKILL'] as const)('[E10] is started anew after %s, and leaves nothing behind', async (signal) => {
      await start();
      const found = await fleet.told(name, () => fleet.ok(['systemctl', 'kill', '--kill-whom=main', `--signal=${signal}`, name]));
      expect(valuesIn(found, way)).toEqual(EXPECTED);
      await running();
      await fleet.ok(['systemctl', 'stop', name]);
      await nothingLeft();
    });

    // What decrypts for it is a unit of its own, which starts each time.
    if (way === 'credential') {
      test('[E10] starts as often as its own limit lets it, whatever starts with it', async () => {
        // Its limit is off; systemd's own is five starts in ten seconds.
        for (let i = 0; i < 7; i++) await start();
        await running();
      });
    }

    test('[E10] leaves nothing behind when it was killed and is not started anew', async () => {
      fleet.machine.write(`/run/systemd/system/${name}.service.d/90-test.conf`, '[Service]\nRestart=no\n');
      await fleet.ok(['systemctl', 'daemon-reload']);
      await start();
      await fleet.ok(['systemctl', 'kill', '--kill-whom=main', '--signal=SIGKILL', name]);
      await fleet.until(name, 'failed');
      await nothingLeft();
      await fleet.ok(['rm', '-r', `/run/systemd/system/${name}.service.d`]);
      await fleet.ok(['systemctl', 'daemon-reload']);
    });

    test('[E10] does not start with a wrong key, and tells why', async () => {
      await fleet.ok(['systemctl', 'stop', name]);
      const keys = `${one.kept === 'by root' ? '/root' : '/home/deploy'}/.config/lockfast`;
      // Written there: whoever runs the tests may have keys of their own, which the machine sees too.
      const key = join(keys, readdirSync(join(fleet.machine.written, keys)).find((file) => file.endsWith('.key'))!);
      await fleet.ok(['cp', '-p', key, '/dev/shm/key']);
      await fleet.ok(['sh', '-c', `lockfast key generate --format root > '${key}'`]);
      try {
        const started = await fleet.systemctl('start', name);
        // Without a preparation of root's, it is the main process that fails.
        if (one.name === 'own-run') await fleet.until(name, 'failed', 'activating');
        else expect(started.status).not.toBe(0);
        await fleet.ok(['systemctl', 'stop', name]);
        expect(await fleet.traces(CANARY)).toEqual([]);
        expect(await fleet.journal()).toContain('does not open the key ring');
      } finally {
        await fleet.ok(['cp', '-p', '/dev/shm/key', key]);
      }
      await fleet.systemctl('reset-failed', name, `lockfast-credential@${name}`);
      expect(valuesIn(await start(), way)).toEqual(EXPECTED);
      await fleet.ok(['systemctl', 'stop', name]);
    });
  });

  test('[E10] nothing is left after a power cut but links that lead nowhere, and services start again', async () => {
    await Promise.all(CASES.map(({ name }) => fleet.told(name, () => fleet.ok(['systemctl', 'restart', name]))));
    await fleet.machine.powerCut();
    const { root } = fleet.machine;
    for (const one of CASES) {
      const path = join(root, tenantsOf(one), one.name, '.env');
      expect(lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false).toBe(one.way === 'file');
    }
    await fleet.machine.reboot();
    expect(await fleet.traces(CANARY)).toEqual([]);
    const started = await Promise.all(CASES.map(({ name }) => fleet.told(name, () => fleet.ok(['systemctl', 'start', name]))));
    for (const [i, { way }] of CASES.entries()) expect(valuesIn(started[i]!, way)).toEqual(EXPECTED);
  });

  test('[E10] nothing is left after a reboot', async () => {
    await fleet.machine.reboot();
    expect(await fleet.traces(CANARY)).toEqual([]);
    for (const one of CASES) expect(existsSync(join(fleet.machine.root, tenantsOf(one), one.name, '.env'))).toBe(false);
  });

  test('[E10] taken out again, units are as they were', async () => {
    for (const kept of ['by root', 'by deploy'] as const) {
      const said = await fleet.lockfast(['tenant', 'uninstall', '--all', '--config', join(keeperOf({ kept }), 'lockfast.toml')]);
      expect([said.status, said.stderr]).toEqual([0, '']);
    }
    const units = readdirSync(join(fleet.machine.root, 'etc/systemd/system'));
    expect(units.filter((name) => name.endsWith('.service.d') || name.startsWith('lockfast'))).toEqual([]);
    expect((await fleet.ok(['systemctl', 'show', '-P', 'DropInPaths', ...CASES.map(({ name }) => name)])).trim()).toBe('');
  });
});

/** Those of a case, however its way hands them over. */
function valuesIn(found: Found, way: Case['way']): Record<string, string> {
  const values = way === 'run' ? found.environment : way === 'file' ? parseEnv(utf8(found.file ?? '')) : Object.fromEntries(Object.entries(found.credentials).map(([name, value]) => [name.replace(/^variable_/, ''), utf8(value)]));
  return Object.fromEntries(Object.keys(EXPECTED).flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]])));
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

function keeperOf({ kept }: Pick<Case, 'kept'>): string {
  return kept === 'by root' ? ROOTS : OWN;
}

function tenantsOf({ kept }: Pick<Case, 'kept'>): string {
  return kept === 'by root' ? ROOTS_TENANTS : OWN_TENANTS;
}

function settingsOf(kept: Case['kept']): string {
  return CASES.filter((one) => one.kept === kept)
    .map(({ name, way }) => `[tenant.${name}]\nway = "${way}"\n`)
    .join('');
}
