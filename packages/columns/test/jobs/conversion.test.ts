/** Encrypt, rotate and decrypt one column on a real server: what becomes of each kind of row, and what is reported. */
import { randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { Fernet } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import type { FernetKey } from '@lockfast/core/keyring';
import type { DeclaredColumn, ReportedRow } from '../../src/jobs/index.ts';
import { missing, refusalOf, withServer } from './postgres/a-database.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { applicationColumn, aScene, DECLARED, fill, Recorded, run, type Scene } from './scene.ts';

const FERNET: DeclaredColumn = { ...DECLARED, format: 'fernet' };

withServer();

function fernetKey(name: string): { readonly listed: FernetKey; readonly fernet: Fernet } {
  const bytes = randomBytes(32);
  return { fernet: new Fernet(bytes.toString('base64url')), listed: { name, key: new Secret(Buffer.from(bytes)) } };
}

async function codesIn(scene: Scene, work: Parameters<typeof run>[3], ring: Parameters<typeof run>[1], direction: Parameters<typeof run>[2]): Promise<Record<string, string>> {
  const rows: ReportedRow[] = [];
  await run(scene, ring, direction, { ...work, onRow: (row) => rows.push(row) });
  return Object.fromEntries(rows.filter(({ what }) => what === 'unreadable').map(({ key, code }) => [key.join(), code!]));
}

test.skipIf(missing !== undefined)('[W3] [D3] plaintext is encrypted, what is encrypted stays to the byte, null stays null, and a second run changes nothing', async () => {
  const ring = await heldRing();
  const secret = applicationColumn(ring);
  const scene = await aScene();
  const before = ['one', '', null, String(secret.encrypt('two')), 'zwölf €', 'lfv2.no', 'g', 'l', 'x'.repeat(2 ** 20)];
  await fill(scene, before);

  const rows: ReportedRow[] = [];
  const report = await run(scene, ring, 'encrypt', { onRow: (row) => rows.push(row) });
  expect(report).toMatchObject({ rows: 9, null: 1, already: 1, plaintext: 7, changed: 7, conflicts: 0, remaining: 0, passes: 2, resumed: false, interrupted: false });
  expect(report.unreadable).toEqual({ count: 0, first: [] });
  expect(report.verified).toEqual({ rows: 8, unreadable: 0 });
  expect(rows.map(({ label, what }) => `${label} ${what}`)).toEqual([1, 2, 5, 6, 7, 8, 9].map((id) => `row ${id} changed`));

  const stored = (await scene.secrets()) as (string | null)[];
  expect(secret.decryptBatch(stored)).toEqual(['one', '', null, 'two', 'zwölf €', 'lfv2.no', 'g', 'l', before[8]]);
  expect(stored[3]).toBe(before[3]);
  expect(stored.filter((value) => value !== null).every((value) => value.startsWith(`lfv1.${ring.active().id}.`))).toBe(true);

  const again = await run(scene, ring, 'encrypt');
  expect(again).toMatchObject({ rows: 9, null: 1, already: 8, plaintext: 0, changed: 0, passes: 1 });
  expect(await scene.secrets()).toEqual(stored);
});

test.skipIf(missing !== undefined)('[W4] a rotation brings every encrypted value under the active key and keeps its time; plaintext is left and counted', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const scene = await aScene();
  const before = [applicationColumn(old).encrypt('a'), 'plain', applicationColumn(ring).encrypt('b'), null, applicationColumn(old).encrypt('')] as (string | null)[];
  await fill(scene, before);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const secret = applicationColumn(ring);
  const age = Date.now() - secret.ageOf(before[0]!)!;

  const report = await run(scene, ring, 'rotate');
  expect(report).toMatchObject({ rows: 5, null: 1, plaintext: 1, already: 1, changed: 2, remaining: 0 });
  const stored = (await scene.secrets()) as (string | null)[];
  expect([stored[0], stored[2], stored[4]].map((value) => secret.decrypt(value!))).toEqual(['a', 'b', '']);
  expect(secret.keyIdOf(stored[0]!)).toBe(ring.active().id);
  expect(Math.abs(Date.now() - secret.ageOf(stored[0]!)! - age)).toBeLessThan(25);
  expect([stored[1], stored[2], stored[3]]).toEqual([before[1], before[2], null]);
  expect(await run(scene, ring, 'rotate')).toMatchObject({ already: 3, changed: 0, passes: 1 });
});

test.skipIf(missing !== undefined)('[D4] down again: every value is plaintext as it was, byte for byte', async () => {
  const ring = rotatedRing(await heldRing());
  const fernet = fernetKey('env:ENCRYPTION_KEY');
  const scene = await aScene();
  const before = ['one', '', null, 'zwölf €', ' \n"', 'x'.repeat(2 ** 20)];
  await fill(scene, [...before, fernet.fernet.encrypt('by Python')]);
  await run(scene, ring, 'encrypt', { fernetKeys: [fernet.listed] });
  const report = await run(scene, ring, 'decrypt', { fernetKeys: [fernet.listed] });
  expect(report).toMatchObject({ rows: 7, null: 1, plaintext: 0, changed: 6, remaining: 0 });
  expect(await scene.secrets()).toEqual([...before, 'by Python']);
  expect(await run(scene, ring, 'decrypt', { fernetKeys: [fernet.listed] })).toMatchObject({ already: 6, plaintext: 6, changed: 0 });
});

test.skipIf(missing !== undefined)('[T7] Fernet and lfv1 are exchanged both ways, and every value keeps the time at which it was encrypted', async () => {
  const ring = await heldRing();
  const { fernet, listed } = fernetKey('env:ENCRYPTION_KEY');
  const older = fernetKey('env:OLD_ENCRYPTION_KEY');
  const scene = await aScene();
  const seconds = 1_600_000_000n;
  await fill(scene, [fernet.seal('first', seconds), older.fernet.seal('second', seconds + 1n), 'plain']);
  const fernetKeys = [listed, older.listed];

  const secret = applicationColumn(ring, DECLARED, 'text', fernetKeys);
  expect(await run(scene, ring, 'rotate', { fernetKeys })).toMatchObject({ changed: 2, plaintext: 1 });
  const values = (await scene.secrets()) as string[];
  expect(values.slice(0, 2).map((value) => [value.slice(0, 5), secret.decrypt(value), Math.round((Date.now() - secret.ageOf(value)!) / 1000)])).toEqual([
    ['lfv1.', 'first', 1_600_000_000],
    ['lfv1.', 'second', 1_600_000_001],
  ]);

  expect(await run(scene, ring, 'rotate', { fernetKeys, declared: FERNET })).toMatchObject({ changed: 2 });
  const tokens = (await scene.secrets()) as string[];
  expect(tokens.slice(0, 2).map((token) => [fernet.open(token).value.toString(), fernet.open(token).seconds])).toEqual([
    ['first', seconds],
    ['second', seconds + 1n],
  ]);
});

test.skipIf(missing !== undefined)('[W4] with an old and a new Fernet key what only the old one opens is rotated, as MultiFernet does, and the new one is enough afterwards', async () => {
  const ring = await heldRing();
  const now = fernetKey('env:ENCRYPTION_KEY');
  const old = fernetKey('env:OLD_ENCRYPTION_KEY');
  const scene = await aScene();
  const kept = now.fernet.encrypt('kept');
  await fill(scene, [old.fernet.seal('a', 1_500_000_000n), kept, old.fernet.encrypt('')]);
  expect(await run(scene, ring, 'rotate', { declared: FERNET, fernetKeys: [now.listed, old.listed] })).toMatchObject({ rows: 3, already: 1, changed: 2, remaining: 0 });
  const tokens = (await scene.secrets()) as string[];
  expect(tokens.map((token) => now.fernet.open(token).value.toString())).toEqual(['a', 'kept', '']);
  expect(now.fernet.open(tokens[0]!).seconds).toBe(1_500_000_000n);
  expect(tokens[1]).toBe(kept);
});

test.skipIf(missing !== undefined)("without keys of its own a Fernet column is under the ring's, and follows its rotation", async () => {
  const old = await heldRing();
  const scene = await aScene();
  await fill(scene, ['a', 'b']);
  expect(await run(scene, old, 'encrypt', { declared: FERNET })).toMatchObject({ changed: 2 });
  const ring = rotatedRing(old);
  expect(await run(scene, ring, 'rotate', { declared: FERNET })).toMatchObject({ changed: 2, already: 0 });
  expect(applicationColumn(ring, FERNET).keyIdOf((await scene.secrets())[0] as string)).toBe(`ring:${ring.active().id}`);
});

test.skipIf(missing !== undefined)('bytea holds the binary form; no bytes at all, a zero byte and a mebibyte come back', async () => {
  const ring = await heldRing();
  const old = fernetKey('env:OLD');
  const declared: DeclaredColumn = { ...DECLARED, as: 'bytes' };
  const scene = await aScene('bytea');
  const before = [Buffer.alloc(0), Buffer.from([0]), null, randomBytes(2 ** 20), Buffer.from([0xff, 0xfe])];
  await fill(scene, [...before, Buffer.from(old.fernet.encrypt('token'))]);
  expect(await run(scene, ring, 'encrypt', { declared, fernetKeys: [old.listed] })).toMatchObject({ changed: 4, already: 1 });
  expect(await run(scene, ring, 'rotate', { declared, fernetKeys: [old.listed] })).toMatchObject({ changed: 1, already: 4 });
  const stored = await scene.secrets();
  expect(stored.filter((value) => value !== null).every((value) => (value as Buffer).subarray(0, 5).toString() === 'lfv1.')).toBe(true);
  expect(await run(scene, ring, 'rotate', { declared: { ...declared, format: 'fernet' }, fernetKeys: [old.listed] })).toMatchObject({ changed: 5 });
  expect(old.fernet.decrypt((await scene.secrets())[3] as Buffer)).toEqual(before[3]);
  await run(scene, ring, 'decrypt', { declared, fernetKeys: [old.listed] });
  expect(await scene.secrets()).toEqual([...before, Buffer.from('token')]);
});

test.skipIf(missing !== undefined)('text in bytea that is no UTF-8 is reported and left', async () => {
  const ring = await heldRing();
  const scene = await aScene('bytea');
  await fill(scene, [Buffer.from([0xff]), Buffer.from('ä')]);
  expect(await codesIn(scene, {}, ring, 'encrypt')).toEqual({ 1: 'invalid-text' });
  expect((await scene.secrets())[0]).toEqual(Buffer.from([0xff]));
});

test.skipIf(missing !== undefined)('inside JSON a text value is encrypted as a JSON string; a number, an object or a missing member is not touched', async () => {
  const ring = await heldRing();
  const declared: DeclaredColumn = { ...DECLARED, path: ['auth', 'token'] };
  const scene = await aScene('jsonb');
  const documents = [{ auth: { token: 'a "b"', other: 1 } }, { auth: { token: 5 } }, { auth: { token: { a: 1 } } }, { auth: {} }, { auth: { token: null } }, { auth: { token: '' } }];
  await fill(scene, [...documents.map((one) => JSON.stringify(one)), null]);
  const report = await run(scene, ring, 'encrypt', { declared });
  expect(report).toMatchObject({ rows: 7, null: 3, plaintext: 4, changed: 2, unreadable: { count: 2 } });
  expect(report.unreadable.first.map(({ key, code }) => [key, code])).toEqual([
    [['2'], 'invalid-text'],
    [['3'], 'invalid-text'],
  ]);
  const stored = (await scene.secrets()) as unknown as ({ auth: { token?: unknown; other?: number } } | null)[];
  expect(applicationColumn(ring, declared).decrypt(String(stored[0]!.auth.token))).toBe('a "b"');
  expect(stored[0]!.auth.other).toBe(1);
  expect(stored.slice(1, 5)).toEqual(documents.slice(1, 5));
  await run(scene, ring, 'decrypt', { declared });
  expect(await scene.secrets()).toEqual([...documents, null]);
});

test.skipIf(missing !== undefined)('a whole JSON column of JSON values is encrypted as JSON text and comes back as it was', async () => {
  const ring = await heldRing();
  const declared: DeclaredColumn = { ...DECLARED, as: 'json' };
  const scene = await aScene('json');
  const before = ['{"a": [1,  2]}', '0', 'false', '""', '[]', null];
  await fill(scene, before);
  const texts = async (): Promise<unknown[]> => (await scene.client.query<{ s: string | null }>('SELECT secret::text AS s FROM t ORDER BY id')).rows.map(({ s }) => s);
  expect(await run(scene, ring, 'encrypt', { declared })).toMatchObject({ changed: 5, null: 1 });
  const secret = applicationColumn(ring, declared, 'json');
  expect(((await scene.secrets()) as (string | null)[]).slice(0, 5).map((value) => secret.decrypt(value!))).toEqual([{ a: [1, 2] }, 0, false, '', []]);
  await run(scene, ring, 'decrypt', { declared });
  expect(await texts()).toEqual(before);
});

test.skipIf(missing !== undefined)('[W5] what only looks encrypted is never encrypted again: each is named with its reason, and the rest is finished', async () => {
  const ring = await heldRing();
  const stranger = await heldRing();
  const declared: DeclaredColumn = { ...DECLARED, context: ['org'] };
  const secret = applicationColumn(ring, declared);
  const good = String(secret.encrypt('good', { org: 'acme' }));
  const scene = await aScene();
  const wellFormedOfOtherKey = String(applicationColumn(stranger, declared).encrypt('x', { org: 'acme' }));
  const before = [
    good,
    `${good} `,
    good.slice(0, 60),
    'lfv1.',
    wellFormedOfOtherKey,
    wellFormedOfOtherKey.replace(stranger.active().id, ring.active().id),
    new Fernet(randomBytes(32).toString('base64url')).encrypt('x'),
    'gAAAAABmT',
    String(secret.encrypt('of another tenant', { org: 'other' })),
    'plain',
    String(secret.encrypt('x', { org: 'acme' })),
  ];
  await fill(scene, before, (id) => (id === 11 ? null : 'acme'));
  const codes = {
    2: 'malformed',
    3: 'malformed',
    4: 'malformed',
    5: 'missing-key',
    6: 'wrong-key',
    7: 'invalid-token',
    8: 'malformed',
    9: 'moved-or-altered',
    11: 'invalid-context',
  };
  expect(await codesIn(scene, { declared, dryRun: true }, ring, 'rotate')).toEqual(codes);
  expect(await codesIn(scene, { declared }, ring, 'encrypt')).toEqual(codes);
  const stored = (await scene.secrets()) as string[];
  expect(secret.decrypt(stored[9]!, { org: 'acme' })).toBe('plain');
  expect(stored.filter((_, index) => index !== 9)).toEqual(before.filter((_, index) => index !== 9));
  const next = rotatedRing(ring);
  expect(await run(scene, next, 'rotate', { declared })).toMatchObject({ changed: 2, unreadable: { count: 9 }, remaining: 0 });
  expect(await run(scene, next, 'decrypt', { declared })).toMatchObject({ changed: 2, unreadable: { count: 9 } });
});

test.skipIf(missing !== undefined)('[B4] a value that is bound to its row opens under no other: it is not taken for encrypted there', async () => {
  const ring = await heldRing();
  const declared: DeclaredColumn = { ...DECLARED, context: ['org', 'name'] };
  const scene = await aScene();
  await fill(scene, ['a', 'b'], (id) => `org ${id}`);
  await run(scene, ring, 'encrypt', { declared });
  await scene.client.query('UPDATE t SET secret = (SELECT secret FROM t WHERE id = 1) WHERE id = 2');
  const report = await run(scene, rotatedRing(ring), 'rotate', { declared });
  expect(report).toMatchObject({ changed: 1, unreadable: { count: 1, first: [{ key: ['2'], label: 'row 2', code: 'moved-or-altered' }] } });
});

test.skipIf(missing !== undefined)("with another ring's keys nothing is written: the job stops before its first change, and says so on record", async () => {
  const scene = await aScene();
  await fill(scene, ['a', 'b', 'c']);
  const ring = await heldRing();
  await run(scene, ring, 'encrypt');
  await scene.client.query("INSERT INTO t VALUES (4, 'row 4', 'acme', 'plain')");
  const before = await scene.secrets();
  const audit = new Recorded();
  for (const direction of ['encrypt', 'rotate', 'decrypt'] as const) {
    expect((await refusalOf(run(scene, await heldRing(), direction, { audit }))).code).toBe('wrong-key');
  }
  expect(await scene.secrets()).toEqual(before);
  expect(audit.outcomes.map(({ outcome, code }) => [outcome, code])).toEqual(audit.intents.map(() => ['failure', 'wrong-key']));
  expect(await run(scene, ring, 'encrypt')).toMatchObject({ changed: 1 });
});

test.skipIf(missing !== undefined)('[W3] [W4] a dry run reports what would be done, and leaves nothing behind, not even a checkpoint', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await fill(scene, ['a', null, 'b']);
  const audit = new Recorded();
  const report = await run(scene, ring, 'encrypt', { dryRun: true, audit });
  expect(report).toMatchObject({ rows: 3, null: 1, plaintext: 2, changed: 2, passes: 1 });
  expect(await scene.secrets()).toEqual(['a', null, 'b']);
  expect(scene.scratch.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'lockfast'")).toBe('0');
  expect(audit.intents).toEqual([]);
  expect(audit.events).toMatchObject([{ operation: 'column-encrypt-dry-run', object: 'tests.secret', outcome: 'success', details: { changed: 2, rows: 3 } }]);
});

test.skipIf(missing !== undefined)('[D6] the ledger has the intent before the first write, and counts and duration however it ends', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await fill(scene, ['a', 'b']);
  const audit = new Recorded();
  let atIntent: unknown;
  const intend = audit.intend.bind(audit);
  audit.intend = async (events) => {
    atIntent = await scene.secrets();
    return await intend(events);
  };
  await run(scene, ring, 'encrypt', { audit });
  expect(atIntent).toEqual(['a', 'b']);
  expect(audit.intents).toMatchObject([{ operation: 'column-encrypt', object: 'tests.secret', details: { table: 't', column: 'secret', to: `lfv1 ${ring.active().id}` } }]);
  expect(audit.outcomes).toMatchObject([{ outcome: 'success', details: { rows: 2, changed: 2, unreadable: 0, ms: expect.any(Number) as number } }]);

  scene.scratch.sql('ALTER TABLE t ADD CHECK (length(secret) > 5) NOT VALID');
  const failing = new Recorded();
  expect((await refusalOf(run(scene, ring, 'decrypt', { audit: failing }))).code).toBe('database-refused');
  expect(failing.outcomes).toMatchObject([{ outcome: 'failure', code: 'database-refused', details: { changed: 0 } }]);

  audit.intend = () => Promise.reject(new LockfastError('ledger-unavailable', 'it can not be written', 'see to it'));
  expect((await refusalOf(run(scene, rotatedRing(ring), 'rotate', { audit }))).code).toBe('ledger-unavailable');
  expect(applicationColumn(ring).keyIdOf((await scene.secrets())[0] as string)).toBe(ring.active().id);
});

test.skipIf(missing !== undefined)('[D3] a stopped job ends after the batch that runs, and the same call goes on from there with its counts', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query("INSERT INTO t SELECT n, 'row ' || n, 'acme', 'secret ' || n FROM generate_series(1, 1000) n");
  const stop = new AbortController();
  const audit = new Recorded();
  const first = await run(scene, ring, 'encrypt', { batch: 100, signal: stop.signal, audit, onProgress: ({ rows }) => (rows >= 300 ? stop.abort() : undefined) });
  expect(first).toMatchObject({ interrupted: true, resumed: false, rows: first.changed });
  expect(first.changed).toBeGreaterThanOrEqual(300);
  expect(first.changed).toBeLessThan(1000);
  expect(audit.outcomes).toMatchObject([{ outcome: 'interrupted', details: { changed: first.changed } }]);
  expect(scene.scratch.sql("SELECT count(*) FROM t WHERE secret LIKE 'lfv1.%'")).toBe(String(first.changed));

  const seen: number[] = [];
  const second = await run(scene, ring, 'encrypt', { batch: 100, onProgress: ({ rows, pass }) => (pass === 1 ? seen.push(rows) : undefined) });
  expect(second).toMatchObject({ resumed: true, interrupted: false, rows: 1000, plaintext: 1000, changed: 1000, already: 0, remaining: 0 });
  expect(seen[0]).toBe(first.changed + 100);
  expect(scene.scratch.sql('SELECT count(*) FROM lockfast.column_jobs')).toBe('0');
});

test.skipIf(missing !== undefined)('a job of another kind starts anew, and a checkpoint that is wrong costs nothing but time', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await fill(scene, ['a', 'b', 'c']);
  const table = await scene.database.table(DECLARED);
  await table.write([], { job: `rotate to lfv1 ${ring.active().id}`, pass: 1, after: ['2'], counts: { rows: 2 } });
  expect(await run(scene, ring, 'encrypt')).toMatchObject({ resumed: false, rows: 3, changed: 3 });
  const next = rotatedRing(ring);
  await table.write([], { job: `rotate to lfv1 ${next.active().id}`, pass: 7, after: ['3'], counts: { rows: 3, changed: 3 } });
  expect(await run(scene, next, 'rotate')).toMatchObject({ resumed: true, remaining: 0 });
  expect(((await scene.secrets()) as string[]).map((value) => applicationColumn(next).keyIdOf(value))).toEqual(Array(3).fill(next.active().id));
});

test.skipIf(missing !== undefined)('a plaintext that the column could not hold, or that would look encrypted, stays encrypted and is named', async () => {
  const ring = await heldRing();
  const { fernet, listed } = fernetKey('env:ENCRYPTION_KEY');
  const scene = await aScene();
  const before = [String(applicationColumn(ring).encrypt('a\0b')), fernet.encrypt(randomBytes(20)), fernet.encrypt(fernet.encrypt('twice')), fernet.encrypt('once')];
  await fill(scene, before);
  expect(await codesIn(scene, { fernetKeys: [listed] }, ring, 'decrypt')).toEqual({ 1: 'invalid-text', 2: 'invalid-text', 3: 'already-encrypted' });
  expect(await scene.secrets()).toEqual([...before.slice(0, 3), 'once']);
});

test.skipIf(missing !== undefined)('a value inside another one is refused alone: the rest of its page is converted', async () => {
  const ring = await heldRing();
  const { fernet, listed } = fernetKey('env:ENCRYPTION_KEY');
  const scene = await aScene();
  await fill(scene, [fernet.encrypt('a'), fernet.encrypt(String(applicationColumn(ring).encrypt('twice'))), fernet.encrypt('b')]);
  expect(await codesIn(scene, { fernetKeys: [listed] }, ring, 'rotate')).toEqual({ 2: 'already-encrypted' });
  const stored = (await scene.secrets()) as string[];
  expect(stored.map((value) => value.slice(0, 5))).toEqual(['lfv1.', 'gAAAA', 'lfv1.']);
});

test.skipIf(missing !== undefined)('a column that is too narrow is refused before the first row is changed; one that only seems so is not', async () => {
  const ring = await heldRing();
  const scene = await aScene('varchar(170)');
  await fill(scene, ['short', 'x'.repeat(100)]);
  expect((await refusalOf(run(scene, ring, 'encrypt', { batch: 1 }))).code).toBe('config-invalid');
  expect(await scene.secrets()).toEqual(['short', 'x'.repeat(100)]);
  await scene.client.query("UPDATE t SET secret = $1 WHERE id = 2", [applicationColumn(ring).encrypt('x'.repeat(20))]);
  expect(await run(scene, ring, 'encrypt')).toMatchObject({ changed: 1, already: 1 });
});

test.skipIf(missing !== undefined)('a job that is told to stop before it began has done nothing, and says that it was interrupted', async () => {
  const ring = await heldRing();
  const scene = await aScene('varchar(200)');
  await fill(scene, ['x'.repeat(150)]);
  expect(await run(scene, ring, 'encrypt', { signal: AbortSignal.abort() })).toMatchObject({ interrupted: true, changed: 0, rows: 0 });
  expect(await scene.secrets()).toEqual(['x'.repeat(150)]);
});

test.skipIf(missing !== undefined)('a rate is not exceeded', async () => {
  const ring = await heldRing();
  const scene = await aScene();
  await scene.client.query("INSERT INTO t SELECT n, 'row', 'acme', 'secret' FROM generate_series(1, 300) n");
  const { ms, changed } = await run(scene, ring, 'encrypt', { maxRate: 100 });
  expect(changed).toBe(300);
  expect(ms).toBeGreaterThan(1900);
});

test.skipIf(missing !== undefined)('no error and no report holds a plaintext or a key', async () => {
  const ring = await heldRing();
  const { fernet, listed } = fernetKey('env:ENCRYPTION_KEY');
  const scene = await aScene();
  await fill(scene, ['CANARY-plaintext', fernet.encrypt('CANARY-token'), fernet.encrypt('CANARY-nul\0'), 'lfv1.CANARY']);
  const audit = new Recorded();
  const told: unknown[] = [];
  told.push(await run(scene, ring, 'encrypt', { fernetKeys: [listed], audit, onRow: (row) => told.push(row), onProgress: (one) => told.push(one) }));
  told.push(await run(scene, ring, 'decrypt', { fernetKeys: [listed], audit, onRow: (row) => told.push(row) }), audit);
  expect(JSON.stringify(told)).not.toContain('CANARY');
});
