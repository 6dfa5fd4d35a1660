/** `tenant audit` and `--fix`: what is found, what is put right, and what an attacker in a tenant's directory can't reach. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { isRoot, type Project } from './support/project.ts';
import { CANARY, modeOf, tenantProject } from './support/tenants.ts';

interface Found {
  readonly tenant: string | null;
  readonly path: string;
  readonly kind: string;
  readonly fixed: boolean;
  readonly refused?: string;
}

async function audit(project: Project, ...args: string[]): Promise<{ status: number | null; ok: boolean; code: string | undefined; findings: readonly Found[] }> {
  const { status, stdout } = await project.run(['tenant', 'audit', '--json', ...args]);
  const { ok, findings, error } = JSON.parse(stdout) as { ok: boolean; findings: readonly Found[]; error?: { code: string } };
  expect(stdout).not.toContain(CANARY);
  return { status, ok, code: error?.code, findings };
}

async function withTenants(...names: string[]): Promise<Project> {
  const project = await tenantProject();
  for (const name of names) expect(await project.run(['tenant', 'create', name, '--port', '8001'])).toMatchObject({ status: 0 });
  return project;
}

test('[E11] modes, plaintext, keys and backups are found, fixed where it is safe, and each repair is on record', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme', 'beta');
  const acme = project.path('tenants/acme');
  chmodSync(acme, 0o755);
  chmodSync(join(acme, '.env.encrypted'), 0o644);
  chmodSync(project.rootKey, 0o440);
  chmodSync(project.path('.lockfast/keyring.json'), 0o666);
  mkdirSync(project.path('.lockfast/backups/mine'), { recursive: true });
  chmodSync(project.path('.lockfast/backups'), 0o755);
  project.write('.lockfast/backups/mine/.env', `A=${CANARY}`);
  project.write('tenants/beta/.env.local', `A=${CANARY}`, 0o644);
  const found = await audit(project);
  expect([found.status, found.ok, found.code]).toEqual([1, false, 'tenant-findings']);
  expect(found.findings.map(({ tenant, kind, path }) => `${tenant ?? '-'} ${kind} ${path.replace(project.base, '')}`)).toEqual([
    '- mode /project/.lockfast/keyring.json',
    expect.stringMatching(/^- mode \/home\/\.config\/lockfast\/\w+\.key$/) as string,
    '- mode /project/.lockfast/backups',
    '- backup /project/.lockfast/backups/mine',
    'acme mode /project/tenants/acme',
    'acme mode /project/tenants/acme/.env.encrypted',
    'beta plaintext /project/tenants/beta/.env.local',
    'beta mode /project/tenants/beta/.env.local',
  ]);
  chmodSync(project.rootKey, 0o400);
  const fixed = await audit(project, '--fix');
  expect(fixed.findings.filter((one) => !one.fixed).map(({ kind }) => kind)).toEqual(['backup', 'plaintext']);
  expect([modeOf(acme), modeOf(join(acme, '.env.encrypted')), modeOf(project.path('.lockfast/keyring.json')), modeOf(project.path('.lockfast/backups')), modeOf(project.path('tenants/beta/.env.local'))]).toEqual([0o751, 0o400, 0o644, 0o700, 0o600]);
  const { stdout } = await project.run(['ledger', 'list', '--operation', 'tenant-repair', '--json']);
  const { entries } = JSON.parse(stdout) as { entries: { object: string; tenant?: string; outcome: string; details: unknown }[] };
  expect(entries.map(({ object, tenant, outcome, details }) => [object, tenant, outcome, details])).toContainEqual([join(acme, '.env.encrypted'), 'acme', 'success', { what: 'mode', from: '0644', to: '0400' }]);
  expect(entries).toHaveLength(5);
  rmSync(project.path('.lockfast/backups/mine'), { recursive: true });
  rmSync(project.path('tenants/beta/.env.local'));
  expect(await audit(project)).toMatchObject({ status: 0, ok: true, findings: [] });
});

test('[E11] plaintext in a directory that can be no tenant by its name is found, too', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme');
  mkdirSync(project.path('tenants/.git'));
  expect(await audit(project)).toMatchObject({ ok: true });
  project.write('tenants/big customer/.env', `A=${CANARY}`, 0o600);
  expect((await audit(project)).findings).toMatchObject([{ tenant: null, kind: 'plaintext', path: project.path('tenants/big customer/.env') }]);
  expect((await audit(project, 'acme')).findings).toEqual([]);
});

test.skipIf(!isRoot)("[E11] a tenant's directory that can not be listed is no well one for status", { timeout: 60_000 }, async () => {
  const project = await withTenants('acme', 'beta');
  chownSync(project.path('tenants/acme'), 0, 0);
  chmodSync(project.path('tenants/acme'), 0);
  for (const path of [project.directory, project.home]) execFileSync('chown', ['-R', '--from=0', '65534:65534', path]);
  chownSync(project.path('tenants/acme'), 0, 0);
  const { status, stdout } = await project.run(['status', '--json'], { unprivileged: true });
  const { ok, files } = JSON.parse(stdout) as { ok: boolean; files: readonly object[] };
  expect([status, ok]).toEqual([1, false]);
  expect(files).toContainEqual({ file: project.path('tenants/acme'), tenant: 'acme', state: 'unreadable', problem: 'the directory can not be listed' });
});

test('[E11] a plaintext is removed only when the encrypted file holds the same bytes', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme', 'beta', 'gamma');
  const { stdout } = await project.run(['env', 'decrypt', '--out', '-', '--tenant', 'acme']);
  project.write('tenants/acme/.env', stdout);
  project.write('tenants/beta/.env', `PORT=${CANARY}\n`);
  rmSync(project.path('tenants/gamma/.env.encrypted'));
  project.write('tenants/gamma/.env', `PORT=${CANARY}\n`);
  const { findings } = await audit(project, '--fix');
  expect(findings.map(({ tenant, kind, fixed, refused }) => [tenant, kind, fixed, refused === undefined ? '' : refused.split(':')[0]])).toEqual([
    ['acme', 'plaintext', true, ''],
    ['beta', 'plaintext', false, 'the encrypted file holds something else'],
    ['gamma', 'not-encrypted', false, ''],
    ['gamma', 'plaintext', false, ''],
  ]);
  expect(['acme', 'beta', 'gamma'].map((name) => existsSync(project.path(`tenants/${name}/.env`)))).toEqual([false, true, true]);
});

test('[E11] a missing variable, a damaged file and that of another tenant are found without the root key', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme', 'beta', 'gamma');
  await project.run(['env', 'unset', 'PORT', '--tenant', 'acme']);
  const beta = project.path('tenants/beta/.env.encrypted');
  chmodSync(beta, 0o600);
  writeFileSync(beta, readFileSync(beta, 'utf8').replace('PORT=', 'P0RT='));
  chmodSync(beta, 0o400);
  rmSync(project.path('tenants/gamma/.env.encrypted'));
  writeFileSync(project.path('tenants/gamma/.env.encrypted'), project.read('tenants/acme/.env.encrypted'), { mode: 0o400 });
  const { stdout } = await project.run(['tenant', 'audit', 'acme', 'beta', 'gamma', '--json'], { env: { LOCKFAST_KEY_SOURCE: 'file:/nowhere' } });
  const { findings } = JSON.parse(stdout) as { findings: { tenant: string; kind: string; detail: string }[] };
  expect(findings.map(({ tenant, kind, detail }) => [tenant, kind, detail.replace(/^\/\S+ /, '')])).toEqual([
    ['acme', 'variable', 'PORT is required, and missing'],
    ['beta', 'damaged', 'does not match its own checksum'],
    ['gamma', 'foreign', 'it belongs to another tenant'],
    ['gamma', 'variable', 'PORT is required, and missing'],
  ]);
});

test.runIf(isRoot)('[E11] what a tenant plants leads root nowhere', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme', 'beta', 'gamma', 'delta');
  const victim = join(project.base, 'shadow');
  writeFileSync(victim, 'root:x', { mode: 0o640 });
  writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml').replace('\n[tenants]\n', '\n[tenants]\nuser = "65534"\n'));
  const at = (name: string): string => project.path(`tenants/${name}`);
  for (const name of ['acme', 'beta', 'gamma', 'delta']) chownSync(at(name), 65534, 65534);
  // A link, a second name, a directory that is a link, and a plaintext copy that leads elsewhere.
  rmSync(join(at('acme'), '.env.encrypted'));
  symlinkSync(victim, join(at('acme'), '.env.encrypted'));
  rmSync(join(at('beta'), '.env.encrypted'));
  linkSync(victim, join(at('beta'), '.env.encrypted'));
  renameSync(at('gamma'), join(project.base, 'gamma'));
  symlinkSync(project.base, at('gamma'));
  symlinkSync(victim, join(at('delta'), '.env.local'));
  symlinkSync(victim, join(at('delta'), '.env'));
  const { findings } = await audit(project, '--fix');
  expect(findings.filter(({ fixed }) => fixed).map(({ tenant, kind, path }) => [tenant, kind, path])).toEqual([['delta', 'owner', join(at('delta'), '.env.encrypted')]]);
  expect(lstatSync(join(at('delta'), '.env.encrypted')).uid).toBe(65534);
  expect([modeOf(victim), lstatSync(victim).uid, readFileSync(victim, 'utf8')]).toEqual([0o640, 0, 'root:x']);
});

test.runIf(isRoot)('[E11] an ordinary user is told what only root can repair', { timeout: 60_000 }, async () => {
  const project = await withTenants('acme');
  writeFileSync(project.path('lockfast.toml'), project.text('lockfast.toml').replace('\n[tenants]\n', '\n[tenants]\nuser = "65533"\n'));
  execFileSync('chown', ['-R', '65534:65534', project.base]);
  const { stdout, status } = await project.run(['tenant', 'audit', '--fix', '--json'], { unprivileged: true });
  const { findings } = JSON.parse(stdout) as { findings: Found[] };
  expect(status).toBe(1);
  expect(findings.map(({ kind, fixed, refused }) => [kind, fixed, refused])).toEqual([
    ['owner', false, expect.stringContaining('only root can: run it as root')],
    ['owner', false, expect.stringContaining('only root can: run it as root')],
  ]);
});
