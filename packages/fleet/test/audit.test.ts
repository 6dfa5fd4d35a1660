import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { Accounts, copiesFindings, filesFindings, type Finding, placeFindings, seeTenant, tenantNamed, type Tenant, unitFindings } from '@lockfast/fleet';
import { scratch } from './scratch.ts';

const HEADER = (tenant: string, environment = 'production'): string =>
  `#lockfast-env/1 environment=${environment} tenant=${tenant} key=kq2d5x derivation=hkdf salt=${'A'.repeat(43)} ring=${'a'.repeat(16)}:1:${'B'.repeat(43)} revision=1\n`;

function tenantIn(below: string, settings: Partial<Tenant> = {}): Tenant {
  mkdirSync(join(below, 'acme'), { mode: 0o700 });
  writeFileSync(join(below, 'acme/.env.encrypted'), HEADER('acme'), { mode: 0o400 });
  return { ...tenantNamed({ path: `${below}/{tenant}` }, 'acme'), ...settings };
}

function found(tenant: Tenant, below: string, isRunning?: boolean): string[] {
  const findings: Finding[] = [...filesFindings(tenant, seeTenant(tenant), { accounts: new Accounts(), below, environment: 'production', isRunning }), ...copiesFindings(tenant, { below })];
  return findings.map(({ kind, path, repair }) => `${kind} ${path.slice(below.length + 1)}${repair === undefined ? '' : ` ${repair.kind}`}`);
}

test('[E11] a tenant as it should be has no findings', () => {
  const below = scratch();
  expect(found(tenantIn(below), below)).toEqual([]);
});

test.each<[string, (at: string) => void, readonly string[]]>([
  ['an encrypted file that others read', (at) => chmodSync(join(at, '.env.encrypted'), 0o644), ['mode acme/.env.encrypted mode']],
  ['a directory that others list', (at) => chmodSync(at, 0o755), ['mode acme mode']],
  ['a directory that the group writes in', (at) => chmodSync(at, 0o770), ['mode acme mode']],
  ['plaintext beside it', (at) => writeFileSync(join(at, '.env'), 'A=1', { mode: 0o600 }), ['plaintext acme/.env plaintext']],
  ['plaintext that others read', (at) => writeFileSync(join(at, '.env'), 'A=1', { mode: 0o644 }), ['plaintext acme/.env plaintext', 'mode acme/.env mode']],
  ['a link in the place of the plaintext', (at) => symlinkSync('/etc/passwd', join(at, '.env')), ['plaintext acme/.env']],
  ['a copy in plaintext', (at) => writeFileSync(join(at, '.env.backup_2025'), 'A=1', { mode: 0o600 }), ['plaintext acme/.env.backup_2025']],
  ['an editor that crashed', (at) => writeFileSync(join(at, '.env.swp'), 'A=1', { mode: 0o600 }), ['plaintext acme/.env.swp']],
  ['a template, and an encrypted copy', (at) => {
    writeFileSync(join(at, '.env.example'), 'A=\n', { mode: 0o644 });
    writeFileSync(join(at, '.env.old'), HEADER('acme'), { mode: 0o600 });
  }, []],
  ['a second name of it', (at) => linkSync(join(at, '.env.encrypted'), join(at, 'other')), ['link acme/.env.encrypted']],
  ['the file of another tenant', (at) => {
    chmodSync(join(at, '.env.encrypted'), 0o600);
    writeFileSync(join(at, '.env.encrypted'), HEADER('beta', 'staging'));
  }, ['foreign acme/.env.encrypted', 'foreign acme/.env.encrypted']],
  ['half a header', (at) => {
    chmodSync(join(at, '.env.encrypted'), 0o600);
    writeFileSync(join(at, '.env.encrypted'), HEADER('acme').slice(0, 40));
  }, ['damaged acme/.env.encrypted']],
])('[E11] finds %s', (_, change, expected) => {
  const below = scratch();
  const tenant = tenantIn(below);
  change(tenant.directory);
  expect(found(tenant, below)).toEqual(expected);
});

test('[E11] the link that the way `file` makes is right while the service runs', () => {
  const below = scratch();
  const tenant = tenantIn(below, { way: 'file' });
  symlinkSync('/run/lock', tenant.plainFile);
  expect([found(tenant, below, true), found(tenant, below, false), found({ ...tenant, way: 'run' }, below, true)]).toEqual([[], ['plaintext acme/.env'], ['plaintext acme/.env']]);
});

test('[E11] an account that the system does not know is a finding, not a crash', () => {
  const below = scratch();
  expect(found(tenantIn(below, { user: 'nobody-of-that-name' }), below)).toEqual(['owner acme']);
});

test('[E11] a unit that leaks is found, and no value is shown', () => {
  const below = scratch();
  const tenant = tenantIn(below);
  writeFileSync(join(below, 'open.env'), 'API_TOKEN=canary-1\n');
  writeFileSync(join(below, 'public.env'), 'LEVEL=info\n');
  const unit = join(below, 'acme.service');
  writeFileSync(
    unit,
    `[Service]
# Environment=OLD_SECRET=canary-2
Environment=ENVIRONMENT=production "OPENAI_API_KEY=canary-3" \\
  'DB_PASSWORD=canary 4'
Environment=LOCKFAST_KEY_SOURCE=credential:root PRIVATE_KEY_FILE=/etc/key TOKEN=
Environment=DATABASE=postgres://app:canary-5@db/app
EnvironmentFile=-${below}/open.env
EnvironmentFile=${below}/public.env
EnvironmentFile=/run/acme/.env
SetCredential=root:canary-6
`,
  );
  const findings = unitFindings(tenant, [unit, join(below, 'gone.conf')]);
  expect(findings.map(({ detail }) => detail)).toEqual([
    'Environment= shows OPENAI_API_KEY, DB_PASSWORD to everybody',
    'Environment= shows DATABASE to everybody',
    'EnvironmentFile= names a plaintext file',
    'SetCredential= shows a credential to everybody',
  ]);
  expect(JSON.stringify(findings)).not.toContain('canary');
});

test('[E11] key ring and keys that others reach are found; what is not there is not', () => {
  const below = scratch();
  writeFileSync(join(below, 'root.key'), 'x', { mode: 0o640 });
  const findings = placeFindings({ path: join(below, 'root.key'), forbidden: 0o377, harm: 'bad' });
  expect(findings).toEqual([expect.objectContaining({ kind: 'mode', repair: { kind: 'mode', below, from: 0o640, to: 0o400 } })]);
  expect(placeFindings({ path: join(below, 'none'), forbidden: 0o777, harm: 'bad' })).toEqual([]);
});
