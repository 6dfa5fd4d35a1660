/** Fences of SQLite: two triggers, which look at a value when it is written and at nothing else. */
import { randomBytes } from 'node:crypto';

import { Fernet } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import { expect, test } from 'vitest';

import { convertColumn, type DeclaredColumn, fencesOf, raiseFence, removeFence, StoredValues } from '../../../src/jobs/index.ts';
import { heldRing, rotatedRing } from '../../held-ring.ts';
import { expectRefusal } from '../postgres/a-database.ts';
import { applicationColumn, DECLARED } from '../scene.ts';
import { aDatabase, type Scratch } from './a-database.ts';

const UNFORCED = { despiteRows: false, dryRun: false };
const FERNET = new Fernet(randomBytes(32).toString('base64url'));

function sealed(ring: KeyRing): string {
  return String(applicationColumn(ring).encrypt('x'));
}

function table(type: string, values: readonly (string | Uint8Array | null)[]): Scratch {
  const scratch = aDatabase(`CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret ${type})`);
  for (const [at, value] of values.entries()) scratch.application.prepare('INSERT INTO t VALUES (?, ?, ?)').run(at + 1, `row ${at + 1}`, value);
  return scratch;
}

/** Whether each was let in, by an update and by an insert. */
function attempts({ application }: Scratch, values: readonly (string | number | Uint8Array | null)[]): boolean[] {
  return values.map((value) => {
    const tries = ['UPDATE t SET secret = ? WHERE id = 1', "INSERT INTO t (id, name, secret) VALUES (100, 'new', ?)", 'INSERT OR REPLACE INTO t (id, secret) VALUES (1, ?)'].map((statement) => {
      application.exec('SAVEPOINT attempt');
      try {
        application.prepare(statement).run(value);
        return true;
      } catch (error) {
        expect(error).toMatchObject({ errcode: 1811, message: expect.stringMatching(/^lockfast: the fence lockfast_tests_secret_\w+ refuses this value$/) });
        return false;
      } finally {
        application.exec('ROLLBACK TO attempt; RELEASE attempt');
      }
    });
    expect(new Set(tries).size).toBe(1);
    return tries[0]!;
  });
}

test('[B16] SQLite refuses plaintext, what is cut, and finished keys; other keys and NULL pass', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const scratch = table('TEXT', [sealed(ring)]);
  const database = await scratch.open();
  expect(await raiseFence(database, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'raised', proven: true, violations: { rows: 0 } });
  const value = sealed(ring);
  expect(attempts(scratch, [value, sealed(await heldRing()), null])).toEqual([true, true, true]);
  const refused = ['plain', '', 5, sealed(old), value.slice(0, 60), `${value} `, `${value}\0plain`, value.toUpperCase(), FERNET.encrypt('x'), `lfv1.kq2d5x.${'ä'.repeat(120)}`, Buffer.from(value)];
  expect(attempts(scratch, refused)).toEqual(refused.map(() => false));
  expect(await raiseFence(database, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'kept', proven: true });
  expect(await fencesOf(database, DECLARED, ring)).toMatchObject([{ proven: undefined, state: 'current', rule: { formats: ['lfv1'], refusedKeys: [old.active().id] } }]);
  expect(await fencesOf(database, DECLARED, rotatedRing(ring))).toMatchObject([{ state: 'outdated' }]);
  expect(await raiseFence(database, DECLARED, ring, { ...UNFORCED, also: 'fernet' })).toMatchObject({ done: 'replaced', proven: true });
  expect(attempts(scratch, [FERNET.encrypt('x'), 'plain'])).toEqual([true, false]);
  expect(await removeFence(database, DECLARED, { dryRun: false })).toHaveLength(2);
  expect(attempts(scratch, ['plain'])).toEqual([true]);
});

test('[B16] over plaintext it can go up at once: an update of another column of such a row is let through, and the rest is named', async () => {
  const ring = await heldRing();
  const scratch = table('TEXT', [sealed(ring), 'plain', null]);
  const database = await scratch.open();
  const report = await raiseFence(database, DECLARED, ring, UNFORCED);
  expect(report).toMatchObject({ done: 'raised', proven: false, violations: { rows: 1, first: [{ key: ['2'], label: 'row 2', violation: { kind: 'plaintext' } }] } });
  scratch.application.exec("UPDATE t SET name = 'changed', secret = secret WHERE id = 2");
  expect(attempts(scratch, ['plain'])).toEqual([false]);
  await convertColumn(database, DECLARED, new StoredValues(ring, DECLARED, []), { direction: 'encrypt', dryRun: false, batch: 100 });
  expect(await raiseFence(database, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'kept', proven: true });
  await expectRefusal(convertColumn(database, DECLARED, new StoredValues(ring, DECLARED, []), { direction: 'decrypt', dryRun: false, batch: 100 }), 'database-refused', /the fence of the column does not let the value in \(lockfast_tests_secret_\w+\)/, /column fence/);
});

test('[B16] bytes, and members of documents', async () => {
  const old = await heldRing();
  const ring = rotatedRing(old);
  const binary = (of: KeyRing): Buffer => Buffer.from(of.cipher({ purpose: 'column' }).encryptBinary('x', { place: ['tests.secret'] }));
  const blobs = table('BLOB', [binary(ring)]);
  expect(await raiseFence(await blobs.open(), DECLARED, ring, { ...UNFORCED, also: 'fernet' })).toMatchObject({ proven: true });
  expect(attempts(blobs, [binary(ring), Buffer.from(FERNET.encrypt('x')), binary(old), binary(ring).subarray(0, 80), Buffer.from('plain'), sealed(ring)])).toEqual([true, true, false, false, false, false]);

  const declared: DeclaredColumn = { ...DECLARED, path: ['list', '0', "a 'b"] };
  const document = (member: unknown): string => JSON.stringify({ list: [{ "a 'b": member }, { "a 'b": 'plain' }] });
  const documents = table('JSON', [document(sealed(ring))]);
  const database = await documents.open();
  expect(await raiseFence(database, declared, ring, UNFORCED)).toMatchObject({ proven: true });
  expect(attempts(documents, [document(sealed(ring)), document(null), '{}', null, document('plain'), document(sealed(old)), document(5), 'no document'])).toEqual([true, true, true, true, false, false, false, false]);
  await expectRefusal(raiseFence(database, { ...DECLARED, path: ['a"b'] }, ring, UNFORCED), 'config-invalid', /a quote or a backslash/, /no fence/);
});

test('[B16] where there can be no fence none goes up, and whoever asks which are up gets an answer', async () => {
  const ring = await heldRing();
  const quoted = table('JSON', []);
  expect(await fencesOf(await quoted.open(), { ...DECLARED, path: ['a"b'] }, ring)).toEqual([]);
  const utf16 = aDatabase("PRAGMA encoding = 'UTF-16le'; CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, secret TEXT)");
  utf16.application.prepare("INSERT INTO t VALUES (1, 'row', ?)").run(sealed(ring));
  const database = await utf16.open();
  for (const dryRun of [true, false]) await expectRefusal(raiseFence(database, DECLARED, ring, { ...UNFORCED, dryRun }), 'config-invalid', /UTF-16le/, /no fence/);
  expect(await fencesOf(database, DECLARED, ring)).toEqual([]);
  utf16.application.prepare('UPDATE t SET secret = ?').run(sealed(ring));
});

test('[B16] a collation that folds case lets no altered value in', async () => {
  const ring = await heldRing();
  const value = sealed(ring);
  const scratch = table('TEXT COLLATE NOCASE', [value, 'plain']);
  expect(await raiseFence(await scratch.open(), DECLARED, ring, UNFORCED)).toMatchObject({ done: 'raised', proven: false });
  expect(attempts(scratch, [value, value.toUpperCase()])).toEqual([true, false]);
  expect(() => scratch.application.exec("UPDATE t SET secret = 'PLAIN' WHERE id = 2")).toThrow(/refuses this value/);
  scratch.application.exec("UPDATE t SET secret = 'plain' WHERE id = 2");
});
