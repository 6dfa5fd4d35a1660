/** The watch under a booted systemd: its timer, its service, and the journal that gets its alerts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { missingForSystemd } from '@lockfast/testkit';
import { describe, expect, test } from 'vitest';

import { FleetMachine } from './support/fleet-machine.ts';

const missing = missingForSystemd();
const KEEPER = '/etc/lockfast';

describe.skipIf(missing !== undefined)(`the watch under systemd${missing === undefined ? '' : ` (${missing})`}`, () => {
  test('[E15] [S5] a timer looks, the journal gets what is wrong with a service; a service of its own stays; both go again', { timeout: 120_000 }, async () => {
    await using fleet = await FleetMachine.boot();
    await fleet.ok(['useradd', '--system', 'web']);
    await fleet.keep(KEEPER, { user: 'root', tenants: '/srv/tenants/{tenant}', settings: 'user = "web"\n\n[alerts]\nevery = "1s"\n\n[[alerts.channels]]\nsyslog = "auth"\n' });
    await fleet.ok(['chmod', '0755', '/srv/tenants']);
    await fleet.tenant('shop', { directory: '/srv/tenants', owner: 'web', keeper: KEEPER, service: ['User=web', 'ExecStart=', 'ExecStart=/bin/false'], values: { A: '1' } });
    const here = { cwd: KEEPER };
    expect(await fleet.lockfast(['watch', 'install', '--every', '2s', '--textfile', '/var/lib/lockfast.prom'], here)).toMatchObject({ status: 0, stderr: '' });
    expect(await fleet.ok(['systemd-analyze', 'verify', 'lockfast-watch.service', 'lockfast-watch.timer'])).toBe('');
    expect((await fleet.systemctl('is-enabled', 'lockfast-watch.timer')).stdout).toBe('enabled\n');
    await fleet.systemctl('start', 'shop');
    const log = async (): Promise<string> => (await fleet.machine.run(['journalctl', '-t', 'lockfast', '-o', 'cat', '-p', 'crit'])).stdout;
    await expect.poll(log, { timeout: 30_000 }).toMatch(/^critical: shop\.service failed \(service-failed\) \[[a-z2-7]{8}\]$/m);
    expect(readFileSync(join(fleet.machine.root, 'var/lib/lockfast.prom'), 'utf8')).toContain('lockfast_alerts_open{severity="critical"} 1');
    // A look that found something critical is a unit that failed, for whatever watches systemd.
    await expect.poll(async () => (await fleet.systemctl('show', '-P', 'Result', 'lockfast-watch.service')).stdout, { timeout: 15_000 }).toBe('exit-code\n');

    expect(await fleet.lockfast(['watch', 'install', '--listen', '127.0.0.1:9469'], here)).toMatchObject({ status: 0 });
    expect(existsSync(join(fleet.machine.root, 'etc/systemd/system/lockfast-watch.timer'))).toBe(false);
    await fleet.until('lockfast-watch.service', 'active');
    const metrics = (): Promise<string> => fleet.machine.run(['bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/9469; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3']).then(({ stdout }) => stdout);
    await expect.poll(metrics, { timeout: 20_000 }).toContain('lockfast_alerts_open{severity="critical"} 1');
    await fleet.ok(['systemctl', 'reload', 'lockfast-watch']);
    await expect.poll(() => fleet.journal('lockfast-watch'), { timeout: 15_000 }).toContain('the configuration was read again');
    await fleet.ok(['systemctl', 'reset-failed', 'shop']);
    await expect.poll(metrics, { timeout: 20_000 }).toContain('lockfast_alerts_open{severity="critical"} 0');

    const { stdout: listed } = await fleet.lockfast(['ledger', 'list', '--operation', 'watch-install', '--json'], here);
    expect(listed.match(/"watch-install"/g)).toHaveLength(2);
    expect((await fleet.lockfast(['watch', 'uninstall'], here)).stdout).toBe('removed /etc/systemd/system/lockfast-watch.service\n');
    expect((await fleet.systemctl('is-active', 'lockfast-watch')).stdout).toBe('inactive\n');
    expect((await fleet.lockfast(['watch', 'uninstall'], here)).stderr).toContain('there was no unit of the watch');
  });
});
