/** The single executable, unpacked on a machine without Node, as systemd starts it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { BootedSystemd, missingForSystemd } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const missing = missingForSystemd();
const BUILD = fileURLToPath(new URL('../../../tools/build-standalone.mjs', import.meta.url));
const LOCKFAST = '/opt/lockfast/lockfast';
const CANARY = 'canary of a tenant';
/** In place of a program: what it was given, told in memory. */
const SERVICE = `#!/bin/sh
{ env | grep '^SECRET='; cat .env; cat "$CREDENTIALS_DIRECTORY/variable_SECRET"; } > "/dev/shm/$1" 2>/dev/null
exit 0
`;

describe.skipIf(missing !== undefined)(`the single executable${missing === undefined ? '' : ` (${missing})`}`, () => {
  let machine: BootedSystemd;
  let built: string;
  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'lockfast-standalone-'));
    execFileSync(process.execPath, [BUILD, built], { stdio: 'ignore' });
    machine = await BootedSystemd.boot({ files: { '/srv/service': SERVICE } });
    const [archive] = readdirSync(built).filter((name) => name.endsWith('.tar.gz'));
    execFileSync('sha256sum', ['--check', '--quiet', `${archive}.sha256`], { cwd: built });
    mkdirSync(join(machine.root, 'opt'), { recursive: true });
    execFileSync('tar', ['-xzf', join(built, archive!), '--no-same-owner', '-C', join(machine.root, 'opt')]);
    // Nothing of Node is left inside.
    await machine.run(['sh', '-c', 'chmod 0755 /srv/service; rm -rf /opt/node* /usr/bin/node /usr/local/bin/node; useradd --system web']);
  }, 300_000);
  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
    rmSync(built, { recursive: true });
  });
  const ok = async (argv: readonly string[], input?: string): Promise<string> => {
    const { status, stdout, stderr } = await machine.run(argv, { cwd: '/etc/lockfast', ...(input === undefined ? {} : { input }) });
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}${(await machine.run(['journalctl', '-o', 'cat'])).stdout}`);
    return stdout;
  };

  test('is whole, and says its version', async () => {
    await machine.run(['mkdir', '/etc/lockfast']);
    expect(await ok(['sh', '-c', 'cd /opt/lockfast && sha256sum --check --quiet SHA256SUMS'])).toBe('');
    expect(await ok([LOCKFAST, '--version'])).toMatch(/^lockfast \d/);
    expect((await machine.run(['node', '--version'])).status).not.toBe(0);
  });

  test('[E10] serves a unit in each of the three ways', async () => {
    await ok([LOCKFAST, 'init']);
    const settings = '[tenants]\npath = "/srv/tenants/{tenant}"\nservice = "{tenant}.service"\n[tenant.file]\nway = "file"\n[tenant.credential]\nway = "credential"\n';
    machine.write('/etc/lockfast/lockfast.toml', `${readFileSync(join(machine.root, 'etc/lockfast/lockfast.toml'), 'utf8')}\n${settings}`);
    for (const name of ['run', 'file', 'credential']) {
      machine.write(`/srv/tenants/${name}/.env`, `SECRET="${CANARY}"\n`, 0o600);
      await ok([LOCKFAST, 'env', 'encrypt', `/srv/tenants/${name}/.env`]);
      await ok(['chown', '-R', 'web:web', `/srv/tenants/${name}`]);
      machine.write(`/etc/systemd/system/${name}.service`, `[Service]\nType=oneshot\nUser=web\nWorkingDirectory=/srv/tenants/${name}\nExecStart=/srv/service ${name}\n`);
    }
    await ok(['systemctl', 'daemon-reload']);
    await ok([LOCKFAST, 'tenant', 'install', '--all']);
    const told = async (name: string): Promise<string> => {
      await ok(['systemctl', 'start', name]);
      return ok(['cat', `/dev/shm/${name}`]);
    };
    expect(await told('run')).toBe(`SECRET=${CANARY}\n`);
    expect(await told('file')).toContain(`SECRET="${CANARY}"\n`);
    expect(await told('credential')).toBe(CANARY);
    expect(await ok(['sh', '-c', `grep -rlF '${CANARY}' /run /srv /etc /var --exclude-dir=journal || true`])).toBe('');
  });
});
