/** What is written for a tenant's unit, and what is refused, in a booted systemd's own words. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { type Installation, installTenant, plannedInstallation, type ServiceManager, type Tenant, tenantNamed, type UnitState, uninstallTenant } from '../../src/index.ts';
import { serviceTemplate } from '../../src/systemd/service-template.ts';
import { BootedSystemd, missingForSystemd } from '@lockfast/testkit';

let directory: string;
let reloads: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lockfast-units-'));
  reloads = 0;
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const installation = (rest: Partial<Installation> = {}): Installation => ({ lockfast: ['/bin/true'], configuration: '/etc/lock fast/lockfast.toml', unitDirectory: directory, scope: 'system', rootKey: { user: 'root', uid: 0 }, seenToRun: new Set(), ...rest });
const tenant = (rest: Partial<Tenant> = {}): Tenant => ({ ...tenantNamed({ path: '/srv/{tenant}', service: '{tenant}.service' }, 'acme'), ...rest });

/** Answers as systemd does for a unit file in the test's directory. Booted systemds are asked in the tests of the command. */
function manager(unit: string | undefined, state: Partial<UnitState> = {}): ServiceManager {
  const path = join(directory, 'acme.service');
  if (unit !== undefined) writeFileSync(path, unit);
  const files = unit === undefined ? [] : [path];
  return {
    scope: 'system',
    states: (units) => Promise.resolve(units.map((name) => ({ unit: name, load: unit === undefined ? 'not-found' : 'loaded', active: 'inactive', sub: 'dead', result: 'success', mainPid: 0, restarts: 0, user: '', files, needsReload: false, ...state }))),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    restart: () => Promise.resolve(),
    reload: () => {
      reloads += 1;
      return Promise.resolve();
    },
  };
}

const dropIn = async (unit: string, way: Tenant['way'], rest?: Partial<Installation>): Promise<string> => (await plannedInstallation(tenant({ way }), installation(rest), manager(unit))).at(-1)!.text;

describe('[E10] the drop-in', () => {
  test('run, where the account of the unit keeps the key, is one command line before the other', async () => {
    expect(await dropIn('[Service]\nExecStart=-/srv/app "a b" 100%% $$x\n', 'run')).toBe(
      '# Made by `lockfast tenant install`, and removed by `lockfast tenant uninstall`. It holds no secret.\n# Tenant acme, way run.\n[Service]\nExecStart=\nExecStart=-/bin/true run --tenant acme --config "/etc/lock fast/lockfast.toml" -- /srv/app "a b" 100%% $$x\n',
    );
  });

  test('run, in a sandbox, has root open the variables before; several commands read them one after the other', async () => {
    const text = await dropIn('[Service]\nType=oneshot\nProtectSystem=strict\nExecStartPre=/srv/migrate\nExecStart=/srv/a\nExecStart=/srv/b\n', 'run');
    expect(text.split('\n').slice(2, -1)).toEqual([
      '[Service]',
      'RuntimeDirectory=lockfast/acme',
      'RuntimeDirectoryMode=0700',
      'ExecStartPre=',
      'ExecStartPre=+/bin/true tenant open acme --into %t/lockfast/acme --form shared --config "/etc/lock fast/lockfast.toml" --as root',
      ...['Pre=/bin/true run --prepared %t/lockfast/acme/variables --config "/etc/lock fast/lockfast.toml" -- /srv/migrate', '=', '=/bin/true run --prepared %t/lockfast/acme/variables --config "/etc/lock fast/lockfast.toml" -- /srv/a', '=/bin/true run --prepared %t/lockfast/acme/variables --config "/etc/lock fast/lockfast.toml" -- /srv/b'].map((line) => `ExecStart${line}`),
      'ExecStopPost=+-/bin/rm -f %t/lockfast/acme/variables',
    ]);
  });

  test('file comes before what the unit itself does first, and leaves the mode of its own runtime directories alone', async () => {
    const text = await dropIn('[Service]\nRuntimeDirectory=app\nEnvironmentFile=/etc/default/app\nEnvironmentFile=/srv/acme/.env\nExecStartPre=-/srv/migrate\nExecStart=/srv/app\n', 'file');
    expect(text.split('\n').slice(2, -1)).toEqual([
      '[Service]',
      'EnvironmentFile=',
      'EnvironmentFile=/etc/default/app',
      'EnvironmentFile=-/srv/acme/.env',
      'RuntimeDirectory=lockfast/acme',
      'ExecStartPre=',
      'ExecStartPre=+/bin/true tenant open acme --into %t/lockfast/acme --config "/etc/lock fast/lockfast.toml" --as root',
      'ExecStartPre=-/srv/migrate',
      'ExecStopPost=+/bin/true tenant close acme --into %t/lockfast/acme --config "/etc/lock fast/lockfast.toml" --as root',
    ]);
  });

  test('the plaintext file is named no more in run', async () => {
    expect(await dropIn('[Service]\nEnvironmentFile=-/srv/acme/.env\nExecStart=/srv/app\n', 'run')).toContain('[Service]\nEnvironmentFile=\nExecStart=\n');
  });

  test('is written once, and taken away with its directory; the unit stays as it is', async () => {
    const unit = '[Service]\nExecStart=/srv/app\n';
    const systemd = manager(unit);
    expect(await installTenant(tenant(), installation(), systemd)).toEqual({ files: [join(directory, 'acme.service.d/50-lockfast.conf')], changed: true });
    expect(await installTenant(tenant(), installation(), systemd)).toMatchObject({ changed: false });
    expect(await uninstallTenant(tenant(), installation(), systemd)).toEqual({ removed: [join(directory, 'acme.service.d/50-lockfast.conf')] });
    expect(await uninstallTenant(tenant(), installation(), systemd)).toEqual({ removed: [] });
    expect(reloads).toBe(2);
  });
});

describe('[E10] what is refused', () => {
  test.each([
    ['several commands in one line', '[Service]\nExecStart=/a ; /b\n', 'several commands'],
    ['another name for the program', '[Service]\nExecStart=@/bin/sh sh\n', 'begins with @'],
    ['a unit that starts nothing', '[Service]\nType=oneshot\nExecStop=/a\n', 'no ExecStart='],
    ['a root directory of its own', '[Service]\nRootDirectory=/srv/root\nExecStart=/a\n', 'a root directory of its own'],
    ['memory that can not become code', '[Service]\nMemoryDenyWriteExecute=yes\nExecStart=/a\n', 'MemoryDenyWriteExecute=yes'],
  ])('run: %s', async (_what, unit, message) => {
    await expect(dropIn(unit, 'run')).rejects.toThrow(message);
  });

  test('a lockfast that the account of the unit can not run', async () => {
    await expect(plannedInstallation(tenant(), installation({ lockfast: ['/bin/false'] }), manager('[Service]\nExecStart=/a\n'))).rejects.toMatchObject({ code: 'command-not-executable' });
    await expect(plannedInstallation(tenant(), installation({ lockfast: ['/root/lockfast'] }), manager('[Service]\nProtectHome=yes\nExecStart=/a\n'))).rejects.toThrow('it hides /root/lockfast (ProtectHome=)');
  });

  test('a root key that is a credential, where the service could read it', async () => {
    const rootKey = { user: 'root', uid: 0, credential: 'root-key' };
    await expect(dropIn('[Service]\nExecStart=/a\n', 'run', { rootKey })).rejects.toThrow('the service of acme could read it');
    expect(await dropIn('[Service]\nExecStart=/a\n', 'credential', { rootKey })).toContain('Requires=lockfast-credential@acme.service');
  });

  test('a unit that there is not, a tenant without a service, an account that there is not', async () => {
    await expect(plannedInstallation(tenant(), installation(), manager(undefined))).rejects.toMatchObject({ code: 'service-missing' });
    await expect(plannedInstallation(tenant({ service: undefined }), installation(), manager(undefined))).rejects.toMatchObject({ code: 'service-missing' });
    await expect(plannedInstallation(tenant(), installation(), manager('[Service]\nUser=nobody-of-that-name\nExecStart=/a\n', { user: 'nobody-of-that-name' }))).rejects.toThrow('an account that does not exist');
  });

  test('--exec for a unit that Lockfast did not make', async () => {
    await expect(installTenant(tenant(), installation(), manager('[Service]\nExecStart=/a\n'), '/b')).rejects.toMatchObject({ code: 'exists' });
  });
});

const missing = missingForSystemd();

test.skipIf(missing !== undefined)(`[E10] a new unit is one that systemd finds well locked up${missing === undefined ? '' : ` (${missing})`}`, async () => {
  const text = serviceTemplate(tenant(), '/bin/sleep infinity', 'daemon');
  await using machine = await BootedSystemd.boot({ files: { '/etc/systemd/system/acme.service': text, '/srv/acme/x': '' } });
  expect(await machine.run(['systemd-analyze', 'verify', 'acme.service'])).toEqual({ status: 0, stdout: '', stderr: '' });
  const { stdout } = await machine.run(['systemd-analyze', 'security', '--no-pager', 'acme.service']);
  const [, exposure, rating] = /Overall exposure level for acme.service: ([0-9.]+) ([A-Z]+)/.exec(stdout)!;
  expect([Number(exposure) < 3, rating]).toEqual([true, 'OK']);
  expect(await machine.run(['systemctl', 'start', 'acme'])).toMatchObject({ status: 0 });
  expect((await machine.run(['systemctl', 'show', '-P', 'LimitNOFILE', 'acme'])).stdout).toBe('8192\n');
});
