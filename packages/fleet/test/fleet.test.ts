import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { existingTenant, type FleetSettings, tenantNamed, tenantOfUnit, tenantsOf } from '@lockfast/fleet';

function place(): string {
  const base = mkdtempSync(join(tmpdir(), 'lockfast-fleet-'));
  onTestFinished(() => rmSync(base, { recursive: true, force: true }));
  return base;
}

test('tenants are the directories in the place of {tenant}, by name; what is configured for one wins', () => {
  const base = place();
  for (const name of ['wip.example.com', 'acme', 'zeta']) mkdirSync(join(base, name, 'app'), { recursive: true });
  const fleet: FleetSettings = { path: `${base}/{tenant}/app`, service: '{tenant}', user: 'u-{tenant}', required: ['A'], each: { acme: { service: 'other.service', way: 'file', required: ['B'] } } };
  const tenants = tenantsOf(fleet);
  expect(tenants.map(({ name, service, way, user, required }) => [name, service, way, user, required])).toEqual([
    ['acme', 'other.service', 'file', 'u-acme', ['B']],
    ['wip.example.com', 'wip.example.com.service', 'run', 'u-wip.example.com', ['A']],
    ['zeta', 'zeta.service', 'run', 'u-zeta', ['A']],
  ]);
  expect(tenants[0]!.encryptedFile).toBe(join(base, 'acme/app/.env.encrypted'));
  expect(tenantOfUnit(tenants, 'other')?.name).toBe('acme');
});

test('a name that no directory has is refused, and so is a tenant that is not there', () => {
  const fleet: FleetSettings = { path: `${place()}/{tenant}` };
  for (const name of ['../x', '', '.hidden', 'a/b', 'a\nb']) expect(() => tenantNamed(fleet, name)).toThrow(expect.objectContaining({ code: 'usage' }));
  expect(() => existingTenant(fleet, 'acme')).toThrow(expect.objectContaining({ code: 'no-such-tenant' }));
  expect(tenantsOf(fleet)).toEqual([]);
});
