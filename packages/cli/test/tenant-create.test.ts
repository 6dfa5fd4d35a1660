/** `tenant create`, `list` and `show` on real files. */
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { emptyProject, initialisedProject, isRoot, type Project } from './support/project.ts';
import { CANARY, filesHolding, modeOf, SHARED_CANARY, tenantProject } from './support/tenants.ts';

function json(text: string): Record<string, never> {
  return JSON.parse(text) as Record<string, never>;
}

async function valuesOf(project: Project, tenant: string): Promise<Record<string, string>> {
  const { stdout } = await project.run(['env', 'list', '--reveal', '--json', '--tenant', tenant]);
  return Object.fromEntries((JSON.parse(stdout) as { variables: { name: string; value: string }[] }).variables.map(({ name, value }) => [name, value]));
}

test('[E8] [E9] a new tenant is encrypted at once, with its template and git files, and audits clean', async () => {
  const project = await tenantProject();
  const made = await project.run(['tenant', 'create', 'acme.example.com', '--port', '8001', '--set', 'SMTP_PASSWORD'], { input: `${CANARY}\n` });
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const at = project.path('tenants/acme.example.com');
  expect(readdirSync(at).toSorted()).toEqual(['.env.encrypted', '.env.example', '.gitignore']);
  expect([modeOf(at), modeOf(join(at, '.env.encrypted')), modeOf(join(at, '.env.example'))]).toEqual([0o700, 0o400, 0o644]);
  const values = await valuesOf(project, 'acme.example.com');
  expect(values).toMatchObject({ PORT: '8001', DOMAIN: 'acme.example.com', SMTP_PASSWORD: CANARY });
  expect(Buffer.from(values['SECRET_KEY']!, 'base64url')).toHaveLength(32);
  expect(values).not.toHaveProperty('OPENAI_API_KEY');
  expect(project.text('tenants/acme.example.com/.env.example').split('\n').slice(1).toSorted()).toEqual(['', 'DOMAIN=', 'LEVEL=', 'OPENAI_API_KEY=', 'PORT=', 'SECRET_KEY=', 'SMTP_PASSWORD=']);
  expect(project.text('tenants/acme.example.com/.gitignore').split('\n')).toEqual(expect.arrayContaining(['.env', '.env.*', '!.env.example', '!*.encrypted']));
  expect(filesHolding(project.base, CANARY)).toEqual([]);
  expect(filesHolding(project.base, values['SECRET_KEY']!)).toEqual([]);
  expect(await project.run(['tenant', 'audit'])).toMatchObject({ status: 0, stdout: '1 tenant, no findings\n', stderr: '' });
  expect(await project.run(['run', '--tenant', 'acme.example.com', '--', 'sh', '-c', 'echo $OPENAI_API_KEY $PORT'])).toMatchObject({ stdout: `${SHARED_CANARY} 8001\n` });
});

test('[E8] required variables are checked before anything is written, and all are named', async () => {
  const project = await tenantProject();
  project.write('lockfast.toml', project.text('lockfast.toml').replace('"SECRET_KEY"]\ngenerated', '"SECRET_KEY", "SMTP_HOST"]\ngenerated'), 0o644);
  const before = project.tree();
  const refused = await project.run(['tenant', 'create', 'acme', '--json']);
  expect(refused.status).toBe(1);
  expect(json(refused.stdout)).toMatchObject({ error: { code: 'missing-variable', message: expect.stringContaining('PORT, SMTP_HOST') as string } });
  expect(project.tree()).toEqual(before);
  expect(existsSync(project.path('tenants'))).toBe(false);
});

test('[E7] [E8] with --copy the shared values go into the tenant\'s own file; without it they stay in one', async () => {
  const project = await tenantProject();
  expect(await project.run(['tenant', 'create', 'acme', '--port', '1', '--copy'])).toMatchObject({ status: 0 });
  expect(await valuesOf(project, 'acme')).toMatchObject({ OPENAI_API_KEY: SHARED_CANARY, LEVEL: 'info' });
});

test('[E8] without defaults .env.example serves, and what it only asks for is named', async () => {
  const project = await initialisedProject();
  project.write('lockfast.toml', `${project.text('lockfast.toml')}\n[tenants]\npath = "tenants/{tenant}"\n`, 0o644);
  project.write('.env.example', '# What it needs\nLEVEL=info\nAPI_KEY=your-key-here\nSMTP=\n', 0o644);
  const made = await project.run(['tenant', 'create', 'acme']);
  expect([made.status, made.stderr]).toEqual([0, 'lockfast: warning: nothing gives a value to API_KEY, SMTP: lockfast env set NAME --tenant acme\n']);
  expect(await valuesOf(project, 'acme')).toEqual({ LEVEL: 'info', DOMAIN: 'acme' });
  expect(project.text('tenants/acme/.env.example')).toContain('API_KEY=\nSMTP=\n');
});

test('[E8] over a tenant that exists nothing is overwritten, and what is missing is added', async () => {
  const project = await tenantProject();
  await project.run(['tenant', 'create', 'acme', '--port', '8001']);
  const before = await valuesOf(project, 'acme');
  project.write('tenants/acme/.env.example', '# mine\nPORT=1234\n', 0o644);
  const again = await project.run(['tenant', 'create', 'acme', '--port', '9', '--set', 'EXTRA', '--set', 'DOMAIN'], { input: 'more\nother.example.com\n' });
  expect([again.status, again.stderr]).toEqual([0, expect.stringMatching(/DOMAIN has another value already.*\n.*PORT has another value already/) as string]);
  expect(await valuesOf(project, 'acme')).toEqual({ ...before, EXTRA: 'more' });
  expect(project.text('tenants/acme/.env.example')).toMatch(/^# mine\nPORT=1234\n/);
  const encrypted = project.read('tenants/acme/.env.encrypted');
  expect(await project.run(['tenant', 'create', 'acme'])).toMatchObject({ status: 0, stderr: '' });
  expect(project.read('tenants/acme/.env.encrypted').equals(encrypted)).toBe(true);
});

test('[E8] what is not usable is refused, nothing is written, and nothing of it is shown', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  const before = project.tree();
  for (const [args, status, message] of [
    [['acme', '--port', '0'], 2, '--port takes a number'],
    [['acme', '--port', '65536'], 2, '--port takes a number'],
    [['../acme', '--port', '1'], 2, 'not usable as a directory'],
    [['acme', '--port', '1', '--set', 'A=secret'], 2, 'the name of a variable is not usable'],
    [['acme', '--port', '1', '--set', 'A', '--set', 'A'], 2, 'a variable is set twice'],
    [['acme', '--port', '1', '--set', 'A'], 2, 'standard input has 0 lines for 1 value:'],
    [['acme', '--port', '1', '--set-file', 'A'], 2, '--set-file takes NAME=FILE'],
    [['acme', '--port', '1', '--set-file', 'A=/nowhere'], 1, '/nowhere was not read'],
    [['acme', '--port', '1', '--user', 'no-such-account-here'], 2, 'this machine has no account no-such-account-here'],
  ] as const) {
    const refused = await project.run(['tenant', 'create', ...args]);
    expect([refused.status, refused.stderr], args.join(' ')).toEqual([status, expect.stringContaining(message)]);
    expect(refused.stderr).not.toContain('secret');
    expect(project.tree(), args.join(' ')).toEqual(before);
  }
});

test('[E8] a plaintext tenant is not made anew but imported; a link in its place is refused', async () => {
  const project = await tenantProject();
  project.write('tenants/acme/.env', 'PORT=1\n');
  expect(await project.run(['tenant', 'create', 'acme', '--port', '1'])).toMatchObject({ status: 5, stderr: expect.stringContaining('tenant import acme') as string });
  mkdirSync(project.path('elsewhere'));
  symlinkSync(project.path('elsewhere'), project.path('tenants/link'));
  expect((await project.run(['tenant', 'create', 'link', '--port', '1'])).status).not.toBe(0);
  expect(readdirSync(project.path('elsewhere'))).toEqual([]);
});

test('[E8] values of several lines come from a file, and a dry run writes nothing', async () => {
  const project = await tenantProject();
  project.write('tls.key', '-----BEGIN-----\nabc\n-----END-----\n');
  const before = project.tree();
  expect((await project.run(['tenant', 'create', 'acme', '--port', '1', '--set-file', 'TLS_KEY=tls.key', '--dry-run'])).stdout).toContain('TLS_KEY  given');
  expect(project.tree()).toEqual(before);
  await project.run(['tenant', 'create', 'acme', '--port', '1', '--set-file', 'TLS_KEY=tls.key']);
  expect((await valuesOf(project, 'acme'))['TLS_KEY']).toBe('-----BEGIN-----\nabc\n-----END-----\n');
});

test.runIf(isRoot)('[E8] [E9] root makes a tenant for another account, whose everything is; that account reads it, and can do all but give files away', async () => {
  const project = await tenantProject();
  const made = await project.run(['tenant', 'create', 'acme', '--port', '1', '--user', '65534']);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  for (const name of ['', '.env.encrypted', '.env.example', '.gitignore']) expect(lstatSync(project.path(`tenants/acme/${name}`)).uid, name).toBe(65534);
  expect(await project.run(['tenant', 'audit'])).toMatchObject({ status: 0 });
  // Everything of an ordinary user's own.
  const own = emptyProject();
  for (const part of ['project', 'home']) cpSync(join(project.base, part), join(own.base, part), { recursive: true });
  for (const path of readdirSync(own.base, { recursive: true, encoding: 'utf8' })) chownSync(join(own.base, path), 65534, 65534);
  chmodSync(own.runtime, 0o777);
  chmodSync(own.path('tenants/acme'), 0o700);
  expect(await own.run(['tenant', 'create', 'beta', '--port', '2'], { unprivileged: true })).toMatchObject({ status: 0, stderr: '' });
  expect(await own.run(['tenant', 'audit'], { unprivileged: true })).toMatchObject({ status: 0, stderr: '' });
  expect(lstatSync(own.path('tenants/beta/.env.encrypted')).uid).toBe(65534);
  const refused = await own.run(['tenant', 'create', 'gamma', '--port', '3', '--user', 'root'], { unprivileged: true });
  expect([refused.status, refused.stderr]).toEqual([1, 'lockfast: only root can make files that belong to root: run it as that user, or as root\n']);
  expect(existsSync(own.path('tenants/gamma'))).toBe(false);
});

test('[E11] list and show tell what is there without decrypting, without the root key, too', async () => {
  const project = await tenantProject();
  await project.run(['tenant', 'create', 'acme', '--port', '1']);
  project.write('tenants/beta/.env', `PORT=${CANARY}\n`, 0o644);
  mkdirSync(project.path('tenants/.git'));
  mkdirSync(project.path('tenants/lost+found'));
  const { tenants } = JSON.parse((await project.run(['tenant', 'list', '--json'])).stdout) as { tenants: Record<string, unknown>[] };
  expect(tenants.map(({ tenant, encrypted, service, mode, problems }) => ({ tenant, encrypted, service, mode, problems: (problems as string[]).length }))).toEqual([
    { tenant: 'acme', encrypted: true, service: null, mode: '0400', problems: 0 },
    { tenant: 'beta', encrypted: false, service: null, mode: null, problems: 4 },
  ]);
  const ledger = await project.run(['ledger', 'list', '--operation', 'decrypt', '--json']);
  writeFileSync(join(project.base, 'home/.config/lockfast/none'), '');
  const without = await project.run(['tenant', 'list'], { env: { LOCKFAST_KEY_SOURCE: 'file:/nowhere' } });
  expect([without.status, without.stderr]).toEqual([0, expect.stringContaining('what is due is not known')]);
  expect(without.stdout).toContain('acme');
  expect(await project.run(['tenant', 'show', 'acme'])).toMatchObject({ status: 0, stdout: expect.stringContaining('required   OPENAI_API_KEY, PORT, SECRET_KEY') as string });
  expect(await project.run(['tenant', 'show', 'none'])).toMatchObject({ status: 1 });
  expect((await project.run(['ledger', 'list', '--operation', 'decrypt', '--json'])).stdout).toBe(ledger.stdout);
});

test('[E11] 1,000 tenants are listed in a few seconds', { timeout: 60_000 }, async () => {
  const project = await tenantProject();
  await project.run(['tenant', 'create', 'acme', '--port', '1']);
  for (let i = 0; i < 1000; i += 1) cpSync(project.path('tenants/acme'), project.path(`tenants/t${i}`), { recursive: true });
  const begun = performance.now();
  const { stdout, status } = await project.run(['tenant', 'list', '--json']);
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as { tenants: unknown[] }).tenants).toHaveLength(1001);
  expect(performance.now() - begun).toBeLessThan(8_000);
});
