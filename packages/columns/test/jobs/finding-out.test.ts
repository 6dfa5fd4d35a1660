/** What only looks: the census by beginnings, the survey by decrypting, and triage, which says where each lost value belongs. */
import { randomBytes } from 'node:crypto';

import { Fernet } from '@lockfast/core/formats';
import { type KeyRing, Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import type { FernetKey } from '@lockfast/core/keyring';
import { censusColumn, type DeclaredColumn, type ReadableColumn, StoredValues, surveyColumn, triageColumn, type TriagedRow } from '../../src/jobs/index.ts';
import { missing, withServer } from './postgres/a-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { applicationColumn, aScene, DECLARED, fill, type Scene } from './scene.ts';

withServer();

const BOUND: DeclaredColumn = { ...DECLARED, context: ['org'] };

async function triage(scene: Scene, declared: DeclaredColumn, all: readonly ReadableColumn[]): Promise<Record<string, TriagedRow>> {
  const rows: Record<string, TriagedRow> = {};
  for await (const row of triageColumn(scene.database, declared, all)) rows[row.key.join()] = row;
  return rows;
}

function readable(ring: KeyRing, declared: DeclaredColumn, fernetKeys: readonly FernetKey[] = []): ReadableColumn {
  return { declared, values: new StoredValues(ring, declared, fernetKeys) };
}

test.skipIf(missing !== undefined)('[D6] [B3] the census counts rows by key, format and look; the survey proves each by decrypting it', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const bytes = randomBytes(32);
  const fernet = new Fernet(bytes.toString('base64url'));
  const stranger = String(applicationColumn(await heldRing()).encrypt('x'));
  const scene = await aScene();
  const [a, b] = [applicationColumn(old), applicationColumn(ring)];
  const damaged = String(b.encrypt('x')).slice(0, 60);
  await fill(scene, [String(a.encrypt('1')), String(a.encrypt('2')), String(b.encrypt('3')), null, 'plain', fernet.seal('4', 1_500_000_000n), 'gAAAAAgarbage', stranger, damaged, 'lfv1.x']);
  const oldId = old.active().id;
  const newId = ring.active().id;
  expect(await censusColumn(scene.database, DECLARED, ring)).toEqual({
    id: 'tests.secret',
    rows: 10,
    null: 1,
    plaintext: 1,
    fernet: 2,
    keys: { [oldId]: 2, [newId]: 2 },
    unknown: 2,
  });
  const values = new StoredValues(ring, DECLARED, [{ name: 'env:ENCRYPTION_KEY', key: new Secret(Buffer.from(bytes)) }]);
  expect(await surveyColumn(scene.database, DECLARED, values, {})).toEqual({
    id: 'tests.secret',
    rows: 10,
    null: 1,
    plaintext: 1,
    fernet: 1,
    keys: { [oldId]: 2, [newId]: 1 },
    fernetKeys: { 'env:ENCRYPTION_KEY': 1 },
    unknown: 4,
    unreadable: { malformed: 3, 'missing-key': 1 },
    unreadableKeys: { '': 2, [newId]: 1, [stranger.slice(5, 11)]: 1 },
    shredded: {},
    oldest: 1_500_000_000_000,
    sampled: false,
  });
  expect(await surveyColumn(scene.database, DECLARED, values, { sample: 5 })).toMatchObject({ rows: 5, sampled: true, null: 0 });
});

test.skipIf(missing !== undefined)('[W5] after a rotation that died half way triage says for every row under which key it stands', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const scene = await aScene();
  await fill(scene, [String(applicationColumn(old).encrypt('a')), String(applicationColumn(ring).encrypt('b')), 'plain', null, 'lfv1.corrupt']);
  const rows = await triage(scene, DECLARED, [readable(ring, DECLARED)]);
  expect(Object.values(rows).map(({ label, standing }) => [label, standing.kind, 'key' in standing ? standing.key : 'code' in standing ? standing.code : undefined])).toEqual([
    ['row 1', 'encrypted', old.active().id],
    ['row 2', 'encrypted', ring.active().id],
    ['row 3', 'plaintext', undefined],
    ['row 4', 'null', undefined],
    ['row 5', 'unreadable', 'malformed'],
  ]);
});

test.skipIf(missing !== undefined)("[B4] a value that was moved is found out: another row's, another tenant's, another column's", async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query('ALTER TABLE t ADD COLUMN other text, ADD COLUMN branch text');
  const other: DeclaredColumn = { ...DECLARED, id: 'tests.other', column: 'other', context: ['org'] };
  const branched: DeclaredColumn = { ...DECLARED, id: 'tests.branched', column: 'other', context: ['org', 'branch'] };
  const of = (declared: DeclaredColumn, org: string): string => String(applicationColumn(ring, declared).encrypt('x', { org }));
  const altered = of(BOUND, 'org 5');
  await fill(
    scene,
    [
      of(BOUND, 'org 1'),
      of(BOUND, 'org 1'),
      of(other, 'org 3'),
      of(other, 'org 1'),
      `${altered.slice(0, -9)}${altered.at(-9) === 'A' ? 'B' : 'A'}${altered.slice(-8)}`,
      of(BOUND, 'org of nobody'),
      of(BOUND, 'org 2'),
      String(applicationColumn(ring, branched).encrypt('x', { org: 'org 8', branch: 'b' })),
    ],
    (id) => (id === 7 ? null : `org ${id}`),
  );
  await scene.client.query("UPDATE t SET branch = 'b'");
  const rows = await triage(scene, BOUND, [readable(ring, BOUND), readable(ring, other), readable(ring, branched)]);
  expect(Object.values(rows).map(({ standing, opens, searched }) => ['code' in standing ? standing.code : standing.kind, opens, searched])).toEqual([
    ['encrypted', undefined, true],
    ['moved-or-altered', { column: 'tests.secret', row: ['1'] }, true],
    ['moved-or-altered', { column: 'tests.other' }, true],
    ['moved-or-altered', { column: 'tests.other', row: ['1'] }, true],
    ['moved-or-altered', undefined, true],
    ['moved-or-altered', undefined, true],
    ['invalid-context', { column: 'tests.secret', row: ['2'] }, true],
    ['moved-or-altered', { column: 'tests.branched' }, true],
  ]);
});

test.skipIf(missing !== undefined)("a Fernet token that only another column's keys open is traced to that column", async () => {
  const ring = await heldRing();
  const bytes = randomBytes(32);
  const scene = await aScene();
  await fill(scene, [new Fernet(bytes.toString('base64url')).encrypt('x'), new Fernet(randomBytes(32).toString('base64url')).encrypt('x')]);
  const other: DeclaredColumn = { ...DECLARED, id: 'tests.webhooks', table: 'webhooks', format: 'fernet' };
  const rows = await triage(scene, DECLARED, [readable(ring, DECLARED), readable(ring, other, [{ name: 'env:WEBHOOK_KEY', key: new Secret(Buffer.from(bytes)) }])]);
  expect([rows[1]!.opens, rows[2]!.opens]).toEqual([{ column: 'tests.webhooks' }, undefined]);
});
