/** Jobs over a column whose values are under the keys of its rows' tenants. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KeyRing } from '@lockfast/core/keyring';
import { expect, onTestFinished, test } from 'vitest';

import { clearUnrecoverable, type ClearReport, type DeclaredColumn, exportColumn, StoredValues, surveyColumn, surveyTenant, tenantsOfColumn } from '../../src/jobs/index.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { intervening } from './intervening.ts';
import { missing, refusalOf, withServer } from './postgres/a-database.ts';
import { applicationColumn, aScene, DECLARED, fill, Recorded, run, type Scene } from './scene.ts';

withServer();

const OWN: DeclaredColumn = { ...DECLARED, context: ['org'], tenant: 'org', tenantKey: 'own' };
const SHARED: DeclaredColumn = { ...OWN, tenantKey: 'shared' };

const orgOf = (id: number): string => `org ${id % 3}`;

async function filled(values: readonly (string | null)[]): Promise<{ readonly scene: Scene; readonly ring: KeyRing }> {
  const scene = await aScene();
  await fill(scene, values, orgOf);
  return { scene, ring: (await heldRing()).withTenantSecrets(['org 0', 'org 1', 'org 2']) };
}

test.skipIf(missing !== undefined)('[W10] encrypt, to shared, back to own, decrypt: each is done once, and the plaintext is what it was', async () => {
  const texts = ['a', 'b', '', null, 'e', 'f', 'g'];
  const { scene, ring } = await filled(texts);
  const audit = new Recorded();
  expect(await run(scene, ring, 'encrypt', { declared: OWN, audit })).toMatchObject({ changed: 6, unreadable: { count: 0 }, shredded: 0, verified: { unreadable: 0 } });
  expect(audit.intents).toMatchObject([{ details: { to: `lfv1 ${ring.active().id}, tenants own` } }]);
  expect(await run(scene, ring, 'encrypt', { declared: OWN })).toMatchObject({ changed: 0, already: 6 });
  for (const declared of [SHARED, OWN]) {
    expect(await run(scene, ring, 'rotate', { declared })).toMatchObject({ changed: 6, remaining: 0 });
    expect(await run(scene, ring, 'rotate', { declared })).toMatchObject({ changed: 0, already: 6 });
  }
  expect(await run(scene, ring, 'decrypt', { declared: OWN })).toMatchObject({ changed: 6 });
  expect(await scene.secrets()).toEqual(texts);
});

test.skipIf(missing !== undefined)('[W10] a move to own meets what an application still writes under the shared key, which begins alike, in a later pass', async () => {
  const { scene, ring } = await filled([null, null, null]);
  const shared = applicationColumn(ring, { ...DECLARED, context: ['org'] });
  for (const id of [1, 2, 3]) await scene.client.query('UPDATE t SET secret = $1 WHERE id = $2', [shared.encrypt(`v${id}`, { org: orgOf(id) }), id]);
  let writes = 0;
  const database = intervening(scene.database, {
    beforeWrite: async () => {
      writes++;
      if (writes === 1) await scene.client.query('UPDATE t SET secret = $1 WHERE id = 1', [shared.encrypt('newer', { org: orgOf(1) })]);
    },
  });
  expect(await run({ ...scene, database }, ring, 'rotate', { declared: OWN })).toMatchObject({ changed: 3, conflicts: 1, remaining: 0 });
  const values: unknown[] = [];
  for await (const { value } of exportColumn(scene.database, OWN, new StoredValues(ring, OWN, []), [])) values.push(value);
  expect(values).toEqual(['newer', 'v2', 'v3']);
});

test.skipIf(missing !== undefined)('[W10] a tenant without a key is found before the first row is changed, also where its plaintext came after its shred', async () => {
  const { scene, ring } = await filled(['a', 'b', 'c', 'd']);
  const left = ring.withTenantSecretDestroyed('org 1');
  for (const dryRun of [true, false]) {
    const refusal = await refusalOf(run(scene, left, 'encrypt', { declared: OWN, dryRun, batch: 1 }));
    expect([refusal.code, refusal.message]).toEqual(['missing-key', expect.stringContaining('a tenant has no key of its own: org%201 (2); nothing was changed')]);
  }
  expect(await scene.secrets()).toEqual(['a', 'b', 'c', 'd']);
  // Of a row without a tenant nobody can say whose it is: it is left and named, as any other with a NULL in its context.
  await scene.client.query('UPDATE t SET org = NULL WHERE id = 1');
  expect(await run(scene, ring, 'encrypt', { declared: OWN })).toMatchObject({ changed: 3, unreadable: { count: 1, first: [{ key: ['1'], code: 'invalid-context' }] } });
});

test.skipIf(missing !== undefined)('[W10] [B3] the rows of a shredded tenant have a standing of their own, in surveys and in each direction', async () => {
  const { scene, ring } = await filled(['a', 'b', 'c', 'd', 'e']);
  await run(scene, ring, 'encrypt', { declared: OWN });
  const before = new StoredValues(ring, OWN, []);
  expect(await tenantsOfColumn(scene.database, OWN, before)).toEqual(new Map([['org 1', 2], ['org 2', 2], ['org 0', 1]]));
  expect(await surveyTenant(scene.database, OWN, before, 'org 1')).toMatchObject({ own: 2, shared: 0, shredded: 0 });
  const left = ring.withTenantSecretDestroyed('org 1');
  const values = new StoredValues(left, OWN, []);
  expect(await surveyTenant(scene.database, OWN, values, 'org 1')).toMatchObject({ own: 0, shredded: 2 });
  expect(await surveyColumn(scene.database, OWN, values, {})).toMatchObject({ rows: 5, unknown: 0, unreadable: {}, unreadableKeys: {}, shredded: { 'org 1': 2 }, keys: { [left.active().id]: 3 } });
  const stored = await scene.secrets();
  for (const direction of ['rotate', 'encrypt'] as const) {
    expect(await run(scene, left, direction, { declared: OWN })).toMatchObject({ changed: 0, shredded: 2, unreadable: { count: 0 }, verified: { unreadable: 0 } });
  }
  // Also where the column goes back to the shared key.
  expect(await run(scene, left, 'rotate', { declared: SHARED })).toMatchObject({ changed: 3, shredded: 2, unreadable: { count: 0 } });
  expect((await scene.secrets()).filter((value, i) => value === stored[i])).toHaveLength(2);
});

async function clearShredded({ database }: Scene, ring: KeyRing): Promise<ClearReport> {
  const directory = mkdtempSync(join(tmpdir(), 'lockfast-clear-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const values = new StoredValues(ring, OWN, []);
  return await clearUnrecoverable(database, OWN, [{ declared: OWN, values }], { which: 'shredded', keepAside: join(directory, 'kept.jsonl'), stateDirectory: directory, dryRun: false });
}

test.skipIf(missing !== undefined)("[W10] [W5] a living tenant's value in a shredded tenant's row is no shredded one, and is not cleared; what was under the destroyed key is", async () => {
  const { scene, ring } = await filled(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
  await run(scene, ring, 'encrypt', { declared: OWN });
  // Rows 1, 4 and 7 are of org 1. In 4 comes the value of org 2's row 2, in 7 that of a row which is there no more.
  await scene.client.query('UPDATE t SET secret = (SELECT secret FROM t WHERE id = 2) WHERE id = 4; UPDATE t SET secret = (SELECT secret FROM t WHERE id = 3) WHERE id = 7; DELETE FROM t WHERE id IN (3, 6)');
  const left = ring.withTenantSecretDestroyed('org 1');
  const values = new StoredValues(left, OWN, []);
  expect(await surveyColumn(scene.database, OWN, values, {})).toMatchObject({ rows: 5, unknown: 2, unreadable: { 'moved-or-altered': 2 }, shredded: { 'org 1': 1 } });
  expect(await surveyTenant(scene.database, OWN, values, 'org 1')).toMatchObject({ shredded: 1, unreadable: 2 });
  // Also where org 1 has got another key since.
  expect(await surveyColumn(scene.database, OWN, new StoredValues(left.withTenantSecrets(['org 1']), OWN, []), {})).toMatchObject({ unreadable: { 'moved-or-altered': 2 }, shredded: { 'org 1': 1 } });
  const before = await scene.secrets();
  expect(await clearShredded(scene, left)).toMatchObject({ shredded: 1, cleared: 1, recoverable: 1, unrecoverable: 1 });
  expect(await scene.secrets()).toEqual([null, ...before.slice(1)]);
});

test.skipIf(missing !== undefined)('[W10] [W5] nor is it under a data key that was retired since, tenant\'s own or shared', async () => {
  const { scene, ring } = await filled(['a', 'b', null, 'd', null, null, null]);
  await run(scene, ring, 'encrypt', { declared: OWN });
  const shared = applicationColumn(ring, { ...DECLARED, context: ['org'] });
  await scene.client.query('UPDATE t SET secret = (SELECT secret FROM t WHERE id = 2) WHERE id = 4');
  await scene.client.query('UPDATE t SET secret = $1 WHERE id = 7', [shared.encrypt('g', { org: orgOf(7) })]);
  const next = rotatedRing(ring);
  await scene.client.query('UPDATE t SET secret = $1, org = $2 WHERE id = 5', [applicationColumn(next, { ...DECLARED, context: ['org'] }).encrypt('new', { org: 'org 2' }), 'org 2']);
  const left = next.withTenantSecretDestroyed('org 1').withRetired(ring.active().id);
  const before = await scene.secrets();
  expect(await surveyColumn(scene.database, OWN, new StoredValues(left, OWN, []), {})).toMatchObject({ unreadable: { 'key-not-usable': 3 }, shredded: { 'org 1': 1 } });
  expect(await clearShredded(scene, left)).toMatchObject({ shredded: 1, cleared: 1, recoverable: 3, unrecoverable: 0 });
  expect(await scene.secrets()).toEqual([null, ...before.slice(1)]);
});

test.skipIf(missing !== undefined)('[T1] an export gives text, JSON and bytes as they are, plaintext too, and says why a row gives nothing', async () => {
  const { scene, ring } = await filled([null, null, 'plain', 'lfv1.cut']);
  const declared: DeclaredColumn = { ...SHARED, as: 'json' };
  const json = applicationColumn(ring, { ...DECLARED, context: ['org'] }, 'json');
  await scene.client.query('UPDATE t SET secret = $1 WHERE id = 1', [json.encrypt({ a: [1, null] }, { org: orgOf(1) })]);
  await scene.client.query("UPDATE t SET secret = '[1]' WHERE id = 2");
  const rows: unknown[] = [];
  for await (const { key, value, encrypted, code } of exportColumn(scene.database, declared, new StoredValues(ring, declared, []), [])) rows.push([...key, value, encrypted, code]);
  expect(rows).toEqual([
    ['1', { a: [1, null] }, true, undefined],
    ['2', [1], false, undefined],
    ['3', null, false, 'invalid-text'],
    ['4', null, true, 'malformed'],
  ]);
  const some: unknown[] = [];
  for await (const { key } of exportColumn(scene.database, declared, new StoredValues(ring, declared, []), [{ name: 'org', value: 'org 1' }])) some.push(...key);
  expect(some).toEqual(['1', '4']);
});
