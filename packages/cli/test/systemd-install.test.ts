/** Putting units under Lockfast, in a booted systemd: new ones, unusual ones, a user's own, and those that are refused. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

import { missingForSystemd, type RunResult } from '@lockfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { FleetMachine, NODE } from './support/fleet-machine.ts';

const missing = missingForSystemd();

const KEEPER = '/etc/lockfast';
const CANARY = 'canary of a tenant';
const VALUES = { SECRET: CANARY, PORT: '8001' };
const PROGRAM = `"${NODE}" /opt/app/serve.js`;
const here = { cwd: KEEPER };

describe.skipIf(missing !== undefined)(`installing units${missing === undefined ? '' : ` (${missing})`}`, () => {
  let fleet: FleetMachine;
  beforeAll(async () => {
    fleet = await FleetMachine.boot({ logins: true });
    await fleet.ok(['useradd', '--create-home', 'deploy']);
    await fleet.ok(['useradd', '--system', 'web']);
    await fleet.keep(KEEPER, { user: 'root', tenants: '/srv/tenants/{tenant}', settings: 'user = "web"\n' });
    await fleet.ok(['chmod', '0755', '/srv/tenants']);
  }, 60_000);
  afterAll(async () => {
    await fleet[Symbol.asyncDispose]();
  });

  const tenant = (name: string, service: readonly string[] = []): Promise<void> => fleet.tenant(name, { directory: '/srv/tenants', owner: 'web', keeper: KEEPER, service: ['User=web', ...service], values: VALUES });
  const install = async (...args: string[]): Promise<[status: number, stderr: string]> => {
    const { status, stderr } = await fleet.lockfast(['tenant', 'install', ...args], here);
    return [status, stderr];
  };

  test('[E10] a whole unit for a tenant that has none: locked up, with limits, and taken away again', async () => {
    await tenant('new');
    await fleet.ok(['rm', '/etc/systemd/system/new.service']);
    await fleet.ok(['systemctl', 'daemon-reload']);
    expect(await install('new')).toEqual([1, 'lockfast: new.service is no unit that systemd knows: make it, or let it be made: lockfast tenant install new --exec COMMAND\n']);
    const found = await fleet.told('new', async () => expect(await install('new', '--exec', `${PROGRAM} new`, '--now')).toEqual([0, '']));
    expect(found.environment).toMatchObject({ ...VALUES, SHARED: 'canary-of-all' });
    expect(await fleet.ok(['systemd-analyze', 'verify', 'new.service'])).toBe('');
    expect(await fleet.ok(['systemctl', 'show', '-P', 'LimitNOFILE', 'new'])).toBe('8192\n');
    const { stdout } = await fleet.machine.run(['systemd-analyze', 'security', '--no-pager', 'new.service']);
    const exposure = Number(/Overall exposure level for new.service: ([0-9.]+)/.exec(stdout)![1]);
    expect(exposure).toBeLessThan(3);
    expect(await fleet.traces(CANARY)).toEqual([]);
    expect(await fleet.lockfast(['tenant', 'uninstall', 'new'], here)).toMatchObject({ status: 0 });
    expect(existsSync(join(fleet.machine.root, 'etc/systemd/system/new.service'))).toBe(false);
    const { stdout: listed } = await fleet.lockfast(['ledger', 'list', '--tenant', 'new', '--json'], here);
    for (const operation of ['tenant-install', 'tenant-uninstall', 'decrypt']) expect(listed).toContain(`"${operation}"`);
  });

  test('[E10] every command of a unit gets the variables, and then they are gone', async () => {
    await tenant('several', ['Type=oneshot', 'ExecStart=', 'ExecStartPre=/bin/sh -c \'test "$$PORT" = 8001\'', 'ExecStart=/bin/sh -c \'test "$$PORT" = 8001\'', 'ExecStart=-/bin/sh -c \'test "$$PORT" = 8001 && touch /dev/shm/several\'']);
    expect(await install('several')).toEqual([0, '']);
    await fleet.ok(['systemctl', 'start', 'several']);
    expect(existsSync(join(fleet.machine.root, 'dev/shm/several'))).toBe(true);
    expect(await fleet.traces(CANARY)).toEqual([]);
  });

  test('the plan for several tenants is one JSON document', async () => {
    for (const name of ['one', 'two']) await tenant(name);
    const { status, stdout } = await fleet.lockfast(['tenant', 'install', 'one', 'two', '--dry-run', '--json'], here);
    expect(status).toBe(0);
    expect((JSON.parse(stdout) as { path: string }[]).map(({ path }) => path)).toEqual(['one', 'two'].map((name) => `/etc/systemd/system/${name}.service.d/50-lockfast.conf`));
  });

  test('a command line that systemd would fill in from variables that it does not have is refused', async () => {
    await tenant('filled', ['ExecStart=', `ExecStart=${PROGRAM} filled \${PORT}`]);
    const [status, stderr] = await install('filled');
    expect([status, stderr]).toEqual([2, expect.stringContaining('filled.service has ${PORT} in a command line: systemd fills it in before lockfast could')]);
    expect(existsSync(join(fleet.machine.root, 'etc/systemd/system/filled.service.d'))).toBe(false);
    expect(await install('filled', '--way', 'credential', '--dry-run')).toEqual([0, '']);
    expect(existsSync(join(fleet.machine.root, 'etc/systemd/system/filled.service.d'))).toBe(false);
  });

  test("a Lockfast that the unit's account can not run is refused", async () => {
    await tenant('hidden');
    await fleet.ok(['cp', '-r', '/opt/lockfast', '/root/lockfast']);
    const { status, stderr } = await fleet.machine.run([NODE, '/root/lockfast/bin/lockfast.js', 'tenant', 'install', 'hidden'], here);
    expect([status, stderr]).toEqual([126, expect.stringContaining('hidden.service could not run')]);
  });

  test('a key source that no unit could use is refused', async () => {
    await tenant('sources');
    const toml = join(fleet.machine.root, KEEPER, 'lockfast.toml');
    const before = readFileSync(toml, 'utf8');
    fleet.machine.write(`${KEEPER}/lockfast.toml`, before.replace(/^key-source = .*$/m, 'key-source = ["env:ROOT_KEY", "passphrase:"]'));
    const [status, stderr] = await install('sources');
    expect([status, stderr]).toEqual([2, expect.stringContaining('names no key source that a unit could use')]);
    fleet.machine.write(`${KEEPER}/lockfast.toml`, before);
  });

  test('[E10] a root key that is a systemd credential opens them for the way credential, and is given to no service', async () => {
    await tenant('sealed');
    const toml = join(fleet.machine.root, KEEPER, 'lockfast.toml');
    const before = readFileSync(toml, 'utf8');
    await fleet.ok(['sh', '-c', 'mkdir -p -m 0700 /dev/shm/creds /etc/credstore.encrypted && umask 077 && lockfast key generate --format root > /dev/shm/creds/lockfast-root && systemd-creds encrypt --with-key=host --name=lockfast-root /dev/shm/creds/lockfast-root /etc/credstore.encrypted/lockfast-root']);
    await fleet.ok(['lockfast', 'key', 'source', 'add', 'credential:lockfast-root'], { ...here, env: { CREDENTIALS_DIRECTORY: '/dev/shm/creds' } });
    await fleet.ok(['rm', '-r', '/dev/shm/creds']);
    fleet.machine.write(`${KEEPER}/lockfast.toml`, before.replace(/^key-source = .*$/m, 'key-source = "credential:lockfast-root"'));
    const [status, stderr] = await install('sealed');
    expect([status, stderr]).toEqual([2, expect.stringContaining('the service of sealed could read it')]);
    const [installed] = await install('sealed', '--way', 'credential');
    expect(installed).toBe(0);
    const found = await fleet.told('sealed', () => fleet.ok(['systemctl', 'start', 'sealed']));
    expect(Object.keys(found.credentials).toSorted()).toEqual(['env', 'variable_LEVEL', 'variable_PORT', 'variable_SECRET', 'variable_SHARED']);
    expect(found.credentials['variable_SECRET']).toBe(CANARY);
    await fleet.ok(['systemctl', 'stop', 'sealed']);
    fleet.machine.write(`${KEEPER}/lockfast.toml`, before);
  });

  test('what names no tenant, or one without a service, is refused', async () => {
    expect(await install()).toEqual([2, 'lockfast: tenant install: say which tenants: name them, or give --all\n']);
    expect((await install('nobody'))[0]).toBe(1);
  });

  describe("[E10] a user's own units", () => {
    const OWN = '/home/deploy/app';
    const uid = async (): Promise<string> => (await fleet.ok(['id', '-u', 'deploy'])).trim();
    const tried = async (argv: readonly string[], input?: string): Promise<RunResult> =>
      fleet.machine.run(['setpriv', '--reuid=deploy', '--regid=deploy', '--init-groups', ...argv], { cwd: OWN, env: { HOME: '/home/deploy', XDG_RUNTIME_DIR: `/run/user/${await uid()}` }, ...(input === undefined ? {} : { input }) });
    const asDeploy = async (...argv: string[]): Promise<void> => {
      const { status, stdout, stderr } = await tried(argv);
      expect(status, `${argv.join(' ')}: ${stdout}${stderr}`).toBe(0);
    };

    test.each(['run', 'file', 'credential'] as const)('%s', async (way) => {
      if (way === 'run') {
        await fleet.ok(['loginctl', 'enable-linger', 'deploy']);
        await fleet.ok(['systemctl', 'start', `user@${await uid()}`]);
        await fleet.keep(OWN, { user: 'deploy', tenants: '/home/deploy/tenants/{tenant}' });
      }
      const name = `mine-${way}`;
      await fleet.tenant(name, { directory: '/home/deploy/tenants', owner: 'deploy', keeper: OWN, service: [], values: VALUES });
      await fleet.ok(['rm', `/etc/systemd/system/${name}.service`]);
      const found = await fleet.told(name, () => asDeploy('lockfast', 'tenant', 'install', name, '--way', way, '--exec', `${PROGRAM} ${name}`, '--now'));
      if (way === 'run') expect(found.environment).toMatchObject(VALUES);
      if (way === 'file') expect(found.file).toContain(CANARY);
      if (way === 'credential') expect(found.credentials['variable_SECRET']).toBe(CANARY);
      expect(found.uid).toBe(Number(await uid()));
      await asDeploy('systemctl', '--user', 'stop', name);
      expect(await fleet.traces(CANARY)).toEqual([]);
      await asDeploy('lockfast', 'tenant', 'uninstall', name);
    });

    test('[E13] a shared value is rotated over them, in all three ways; outside the window of one of them it takes --force', { timeout: 120_000 }, async () => {
      const ways = ['run', 'file', 'credential'] as const;
      for (const way of ways) await fleet.told(`mine-${way}`, () => asDeploy('lockfast', 'tenant', 'install', `mine-${way}`, '--way', way, '--exec', `${PROGRAM} mine-${way}`, '--now'));
      const value = 'canary & | \\1 $HOME #no "x" it\'s %h é';
      const hour = new Date().getHours();
      const [from, to] = [hour + 5, hour + 6].map((one) => `${String(one % 24).padStart(2, '0')}:00`);
      const toml = join(fleet.machine.root, OWN, 'lockfast.toml');
      const configured = (window: string): void => fleet.machine.write(`${OWN}/lockfast.toml`, `${readFileSync(toml, 'utf8').replace(/\n\[tenant\.[^]*$/, '')}\n${ways.map((way) => `[tenant.mine-${way}]\nway = "${way}"\n${way === 'file' ? window : ''}`).join('')}`);
      configured(`window = "${from}-${to}"\n`);
      await fleet.ok(['chown', 'deploy:', `${OWN}/lockfast.toml`]);
      const rotate = (...args: string[]): Promise<RunResult> => tried(['lockfast', 'secret', 'rotate', 'SHARED', '--scope', 'shared', '--parallel', '3', ...args], value);
      expect(await rotate()).toMatchObject({ status: 1, stderr: expect.stringContaining(`outside the maintenance window, ${from}-${to}`) as unknown });
      const all = Promise.all(ways.map((way) => fleet.told(`mine-${way}`, () => Promise.resolve())));
      const { status, stderr } = await rotate('--force');
      expect(status, stderr).toBe(0);
      const [run, file, credential] = await all;
      expect(run!.environment['SHARED']).toBe(value);
      expect(parseEnv(file!.file!)['SHARED']).toBe(Buffer.from(value, 'utf8').toString('latin1'));
      expect(credential!.credentials['variable_SHARED']).toBe(Buffer.from(value, 'utf8').toString('latin1'));
      for (const way of ways) await asDeploy('systemctl', '--user', 'stop', `mine-${way}`);
      expect(await fleet.traces('canary & |')).toEqual([]);
    });
  });

  test('a Kubernetes Secret goes to standard output, with every value byte for byte', async () => {
    await tenant('cluster');
    const { status, stdout } = await fleet.lockfast(['tenant', 'export', 'cluster', '--namespace', 'shop'], here);
    expect([status, stdout]).toEqual([
      0,
      ['apiVersion: v1', 'kind: Secret', 'metadata:', '  name: "cluster"', '  namespace: "shop"', 'type: Opaque', 'data:', ...Object.entries({ SHARED: 'canary-of-all', LEVEL: 'info', ...VALUES }).map(([name, value]) => `  "${name}": "${Buffer.from(value).toString('base64')}"`), ''].join('\n'),
    ]);
    expect((await fleet.lockfast(['tenant', 'export', 'cluster', '--name', 'No Name'], here)).status).toBe(2);
  });
});
