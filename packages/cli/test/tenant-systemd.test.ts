/** Tenants with real services: an import that restarts them, one that does not come up, and what their processes hold. */
import { existsSync, lstatSync, readFileSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { BootedSystemd, missingForSystemd, type RunResult } from '@lockfast/testkit';

const missing = missingForSystemd();
const SOURCE = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
/** Inside. Where this machine has them may be hidden from a service: in /tmp, or somebody's home. */
const NODE = '/opt/node24/node';
const REPOSITORY = '/opt/lockfast-source';
const LOCKFAST = `${REPOSITORY}/packages/cli/bin/lockfast.js`;
const DROP_IN = '50-lockfast.conf';

/** Answers 200 when it has its variables. */
const APP = `
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.environ.get("SECRET_KEY", "").startswith("good") else 503)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`;

const SETTINGS = `
[tenants]
path = "/srv/tenants/{tenant}"
extends = "/srv/project/shared.env.encrypted"
service = "{tenant}.service"
required = ["PORT"]
[tenant.filed]
way = "file"
user = "nobody"
[tenants.health]
http = "http://127.0.0.1:{PORT}/"
timeout = "8s"
`;

function unit(name: string, ...lines: string[]): string {
  return ['[Service]', `EnvironmentFile=-/srv/tenants/${name}/.env`, ...lines, ''].join('\n');
}

describe.skipIf(missing !== undefined)(`tenants with services${missing === undefined ? '' : ` (${missing})`}`, () => {
  let machine: BootedSystemd;

  function lockfast(...args: string[]): Promise<RunResult> {
    return machine.run([NODE, LOCKFAST, ...args], { cwd: '/srv/project' });
  }

  function tenant(name: string, port: number, ...lines: string[]): void {
    machine.write(`/srv/tenants/${name}/.env`, `PORT=${port}\nSECRET_KEY=good-canary-${name}\n`, 0o640);
    machine.write(`/etc/systemd/system/${name}.service`, unit(name, ...lines));
    utimesSync(inside(`/srv/tenants/${name}/.env`), 1_700_000_000, 1_700_000_000);
  }

  function inside(path: string): string {
    return join(machine.root, path);
  }

  async function active(name: string): Promise<string> {
    return (await machine.run(['systemctl', 'is-active', name])).stdout.trim();
  }

  async function started(...names: string[]): Promise<void> {
    await machine.run(['systemctl', 'daemon-reload']);
    expect(await machine.run(['systemctl', 'start', ...names])).toMatchObject({ status: 0 });
  }

  beforeAll(async () => {
    machine = await BootedSystemd.boot({ bindReadOnly: [`${SOURCE}:${REPOSITORY}`, `${dirname(process.execPath)}:${dirname(NODE)}`] });
    machine.write('/srv/app.py', APP);
    machine.write('/srv/project/.keep', '');
    expect(await lockfast('init')).toMatchObject({ status: 0 });
    machine.write('/srv/project/lockfast.toml', readFileSync(inside('/srv/project/lockfast.toml'), 'utf8') + SETTINGS);
    machine.write('/srv/project/shared.env', 'OPENAI_API_KEY=shared-canary-old\n', 0o600);
    expect(await lockfast('env', 'encrypt', 'shared.env')).toMatchObject({ status: 0 });
  }, 60_000);

  afterAll(async () => {
    await machine[Symbol.asyncDispose]();
  });

  test('[E17] of three tenants the second does not come up: it is as it was, the first is encrypted, the third untouched', { timeout: 120_000 }, async () => {
    tenant('acme', 8001, 'ExecStart=/usr/bin/python3 /srv/app.py');
    // It reads the file itself, and is started the way `run`.
    tenant('bad', 8002, "ExecStart=/bin/sh -c 'cat /srv/tenants/bad/.env > /dev/null && exec /usr/bin/python3 /srv/app.py'");
    tenant('zeta', 8003, 'ExecStart=/usr/bin/python3 /srv/app.py');
    await started('acme', 'bad', 'zeta');
    const before = lstatSync(inside('/srv/tenants/bad/.env'));
    const directory = lstatSync(inside('/srv/tenants/bad')).mode;
    const imported = await lockfast('tenant', 'import', '--all');
    expect(imported.stderr).toMatch(/^lockfast: 1 tenant could not be imported, and has the plaintext back: bad: bad\.service is not well: .*: not tried yet: zeta; put it right, then run this again\n$/);
    expect([imported.status, imported.stdout]).toEqual([1, expect.stringMatching(/^acme: encrypted and verified; backup import-acme-\S+; service restarted, well\nbad: as it was, with its plaintext; service restarted with its plaintext, well\n$/) as string]);
    expect([existsSync(inside('/srv/tenants/acme/.env')), existsSync(inside('/srv/tenants/acme/.env.encrypted')), existsSync(inside(`/etc/systemd/system/acme.service.d/${DROP_IN}`))]).toEqual([false, true, true]);
    const after = lstatSync(inside('/srv/tenants/bad/.env'));
    expect([after.mode, after.uid, after.gid, after.mtimeMs, after.size]).toEqual([before.mode, before.uid, before.gid, before.mtimeMs, before.size]);
    expect([lstatSync(inside('/srv/tenants/bad')).mode, existsSync(inside('/srv/tenants/bad/.env.encrypted')), existsSync(inside('/etc/systemd/system/bad.service.d'))]).toEqual([directory, false, false]);
    expect([await active('acme'), await active('bad'), await active('zeta'), existsSync(inside('/srv/tenants/zeta/.env'))]).toEqual(['active', 'active', 'active', true]);
    const listed = JSON.parse((await lockfast('tenant', 'list', '--json')).stdout) as { tenants: { tenant: string; encrypted: boolean; service: string }[] };
    expect(listed.tenants.map(({ tenant: name, encrypted, service }) => [name, encrypted, service])).toEqual([['acme', true, 'active'], ['bad', false, 'active'], ['zeta', false, 'active']]);
  });

  test('[E17] killed while the service restarts, the same command finishes it; a stopped service stays stopped', { timeout: 120_000 }, async () => {
    tenant('slow', 8004, 'ExecStartPre=/bin/sleep 3', 'ExecStart=/usr/bin/python3 /srv/app.py');
    tenant('idle', 8005, 'ExecStart=/usr/bin/python3 /srv/app.py');
    await started('slow');
    const running = machine.run(['sh', '-c', `echo $$ > /run/import.pid; exec '${NODE}' '${LOCKFAST}' tenant import slow`], { cwd: '/srv/project' });
    while (!existsSync(inside(`/etc/systemd/system/slow.service.d/${DROP_IN}`))) await sleep(20);
    await machine.run(['sh', '-c', 'kill -KILL "$(cat /run/import.pid)"']);
    expect((await running).status).not.toBe(0);
    expect(readFileSync(inside('/srv/project/.lockfast/imports/slow.json'), 'utf8')).not.toContain('canary');
    const again = await lockfast('tenant', 'import', 'slow', 'idle');
    expect([again.status, again.stderr]).toEqual([0, expect.stringContaining('finishing the import of slow')]);
    expect(again.stdout).toMatch(/slow: encrypted and verified; backup \S+; service restarted, well\nidle: encrypted and verified; backup \S+; service did not run, and was not started\n/);
    expect([await active('slow'), await active('idle'), existsSync(inside('/srv/project/.lockfast/imports/slow.json'))]).toEqual(['active', 'inactive', false]);
  });

  test('[B13] explain tells which processes hold an older value, and no value', { timeout: 120_000 }, async () => {
    await started('acme');
    machine.write('/srv/new', 'shared-canary-new');
    expect(await machine.run(['sh', '-c', `exec '${NODE}' '${LOCKFAST}' env set OPENAI_API_KEY --file shared.env.encrypted < /srv/new`], { cwd: '/srv/project' })).toMatchObject({ status: 0 });
    const old = await lockfast('env', 'explain', 'OPENAI_API_KEY', '--tenant', 'acme');
    expect(old.stdout).toMatch(/layer +\/srv\/project\/shared\.env\.encrypted, shared by all tenants, revision 2\n/);
    expect(old.stdout).toMatch(/written .* by root \(lockfast env set\), entry \d+ of the ledger\n/);
    expect(old.stdout).toMatch(/processes +1 process of acme\.service, 1 with an older value: restart it\n +\d+ {2}since .* {2}another value\n/);
    await machine.run(['systemctl', 'restart', 'acme']);
    const processes = async (): Promise<unknown> => (JSON.parse((await lockfast('env', 'explain', 'OPENAI_API_KEY', '--tenant', 'acme', '--json')).stdout) as { processes: unknown }).processes;
    // systemctl returns before `run` has become the program: for that moment the process has no variables.
    await expect.poll(processes, { timeout: 20_000 }).toEqual([expect.objectContaining({ value: 'present', older: false })]);
    expect(old.stdout).not.toContain('canary');
  });

  test('[E11] the audit reads units, by their drop-ins, too', { timeout: 60_000 }, async () => {
    machine.write('/etc/systemd/system/zeta.service.d/10-mine.conf', '[Service]\nEnvironment=API_TOKEN=token-canary\n');
    await machine.run(['systemctl', 'daemon-reload']);
    const { status, stdout } = await lockfast('tenant', 'audit', 'acme', 'zeta', '--json');
    const { findings } = JSON.parse(stdout) as { findings: { tenant: string; kind: string; detail: string }[] };
    expect(status).toBe(1);
    expect(findings.filter(({ kind }) => kind === 'unit').map(({ tenant: name, detail }) => [name, detail])).toEqual([
      ['zeta', 'EnvironmentFile= names a plaintext file'],
      ['zeta', 'Environment= shows API_TOKEN to everybody'],
    ]);
    expect(stdout).not.toContain('canary');
    expect(findings.filter(({ tenant: name, kind }) => name === 'acme' && kind !== 'mode')).toEqual([]);
  });

  test('[E17] rollback and remove take the service along', { timeout: 120_000 }, async () => {
    const back = await lockfast('tenant', 'rollback', 'acme', '--yes');
    expect([back.status, back.stdout]).toEqual([0, expect.stringContaining('the service was restarted, and is well')]);
    expect([await active('acme'), existsSync(inside('/srv/tenants/acme/.env')), existsSync(inside('/etc/systemd/system/acme.service.d'))]).toEqual(['active', true, false]);
    expect(await lockfast('tenant', 'remove', 'slow', '--yes')).toMatchObject({ status: 0 });
    expect([await active('slow'), existsSync(inside('/etc/systemd/system/slow.service.d')), existsSync(inside('/srv/tenants/slow'))]).toEqual(['inactive', false, false]);
  });

  test('[E17] [E11] a program that reads its .env itself gets one in memory: the audit takes it as right, and the way back is whole', { timeout: 120_000 }, async () => {
    tenant('filed', 8010, 'User=nobody', 'WorkingDirectory=/srv/tenants/filed', `ExecStart=/bin/sh -c 'set -a; . ./.env; exec /usr/bin/python3 /srv/app.py'`);
    await machine.run(['chown', '-R', 'nobody', '/srv/tenants/filed']);
    await started('filed');
    expect(await lockfast('tenant', 'import', 'filed')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/service restarted, well\n$/) as string });
    expect(lstatSync(inside('/srv/tenants/filed/.env')).isSymbolicLink()).toBe(true);
    expect(lstatSync(inside('/srv/tenants/filed/.env.encrypted'))).toMatchObject({ uid: 65534 });
    expect(await lockfast('tenant', 'audit', 'filed')).toMatchObject({ status: 0, stdout: '1 tenant, no findings\n' });
    expect(await lockfast('tenant', 'import', 'filed')).toMatchObject({ status: 0, stderr: expect.stringContaining('filed has no plaintext') as string });
    // What is edited while it runs must not be lost on the way back.
    await machine.run(['sh', '-c', 'echo EDITED=canary >> /srv/tenants/filed/.env']);
    expect(await lockfast('tenant', 'rollback', 'filed', '--yes')).toMatchObject({ status: 0, stdout: expect.stringContaining('the service was restarted, and is well') as string });
    const plain = lstatSync(inside('/srv/tenants/filed/.env'));
    expect([plain.isFile(), plain.mode & 0o777, plain.uid]).toEqual([true, 0o600, 65534]);
    expect(readFileSync(inside('/srv/tenants/filed/.env'), 'utf8')).toMatch(/SECRET_KEY=good-canary-filed\nEDITED=canary\n$/);
    expect((await machine.run(['sh', '-c', 'ls -A /run/lockfast 2>/dev/null | grep filed || true'])).stdout).toBe('');
  });

  test('[E8] create installs the service, and it starts', { timeout: 120_000 }, async () => {
    const made = await machine.run(['sh', '-c', `printf 'good-one\\n' | '${NODE}' '${LOCKFAST}' tenant create fresh --port 8009 --set SECRET_KEY --install --exec '/usr/bin/python3 /srv/app.py'`], { cwd: '/srv/project' });
    expect([made.status, made.stderr, made.stdout]).toEqual([0, '', expect.stringContaining('installed /etc/systemd/system/fresh.service.d/50-lockfast.conf') as string]);
    expect(await machine.run(['systemctl', 'start', 'fresh'])).toMatchObject({ status: 0 });
    expect(await lockfast('tenant', 'audit', 'fresh')).toMatchObject({ status: 0, stdout: '1 tenant, no findings\n' });
    expect(JSON.parse((await lockfast('tenant', 'show', 'fresh', '--json')).stdout)).toMatchObject({ service: 'active', problems: [] });
  });

  test('no journal, ledger or unit holds a value', async () => {
    const { stdout } = await machine.run(['sh', '-c', 'journalctl --no-pager; grep -rl canary /etc/systemd/system /srv/project || true']);
    expect(stdout.split('\n').filter((line) => line.includes('canary') || line.startsWith('/'))).toEqual(['/etc/systemd/system/zeta.service.d/10-mine.conf']);
  });
});
