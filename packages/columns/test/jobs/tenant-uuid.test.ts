/** A tenant that is a UUID is one in either case: as the ring has it, as a database gives it, and as an application names it. */
import { expect, test } from 'vitest';

import { column } from '../../src/column.ts';
import { convertColumn, type DeclaredColumn, StoredValues, surveyColumn, surveyTenant } from '../../src/jobs/index.ts';
import { onEachDatabase } from '../databases/each-database.ts';
import { heldRing } from '../held-ring.ts';

const OWN: DeclaredColumn = { id: 'tests.secret', table: 't', column: 'secret', context: ['org'], tenant: 'org', tenantKey: 'own', format: 'lfv1', as: 'text' };

const ids = ['3f2b8c1e-7d4a-4c5b-9e6f-0a1b2c3d4e5f', '9d8c7b6a-5e4f-4a3b-8c2d-1e0f9a8b7c6d'] as const;

onEachDatabase((under) => {
  const uuid = under.name === 'PostgreSQL' ? 'uuid' : 'varchar(36)';
  const spellings = [(id: string) => id.toLowerCase(), (id: string) => id.toUpperCase()] as const;

  test.each([
    ['lower', 'lower'],
    ['lower', 'upper'],
    ['upper', 'lower'],
    ['upper', 'upper'],
  ])('[W10] registered in %s case, %s case in the rows', async (registered, stored) => {
    const spelt = (id: string, how: string): string => spellings[how === 'lower' ? 0 : 1](id);
    const ring = (await heldRing()).withTenantSecrets(ids.map((id) => spelt(id, registered)));
    const database = under.aDatabase(`CREATE TABLE t (id int PRIMARY KEY, org ${uuid}, secret ${under.types.text})`);
    const session = await database.session();
    for (const [at, id] of ids.entries()) await session.query('INSERT INTO t VALUES (?, ?, ?)', [at + 1, spelt(id, stored), `value ${at}`]);
    const jobs = await database.open();
    const values = new StoredValues(ring, OWN, []);
    expect(await convertColumn(jobs, OWN, values, { direction: 'encrypt', dryRun: false, batch: 100 })).toMatchObject({ changed: 2, unreadable: { count: 0 }, verified: { unreadable: 0 } });
    const application = column(ring, { id: OWN.id, context: ['org'], tenant: 'org', tenantKey: 'own' });
    const rows = await session.query('SELECT org, secret FROM t ORDER BY id');
    for (const [at, [org, secret]] of rows.entries()) {
      expect(application.decrypt(String(secret), { org: String(org) })).toBe(`value ${at}`);
      for (const spelling of spellings) expect(application.decrypt(String(secret), { org: spelling(ids[at]!) })).toBe(`value ${at}`);
    }
    for (const spelling of spellings) expect(await surveyTenant(jobs, OWN, values, spelling(ids[0]))).toMatchObject({ own: 1 });
    const left = ring.withTenantSecretDestroyed(spelt(ids[0], registered));
    expect(await surveyColumn(jobs, OWN, new StoredValues(left, OWN, []), {})).toMatchObject({ unreadable: {}, shredded: { [ids[0]]: 1 } });
  });
});

test('[W10] a ring spells a tenant as it has it, the living one first; no other text is taken for the same', async () => {
  const [id] = ids;
  const ring = await heldRing();
  const upper = id.toUpperCase();
  expect(ring.tenantSpelt(upper)).toBe(upper);
  expect(ring.withTenantSecrets([upper]).tenantSpelt(id)).toBe(upper);
  expect(ring.withTenantSecrets([upper]).withTenantSecretDestroyed(upper).tenantSpelt(id)).toBe(upper);
  expect(ring.withTenantSecrets([upper, id]).tenantSpelt(id)).toBe(id);
  expect(ring.withTenantSecrets([upper, id]).withTenantSecretDestroyed(upper).tenantSpelt(upper)).toBe(id);
  expect(ring.withTenantSecrets(['ACME']).tenantSpelt('acme')).toBe('acme');
});
