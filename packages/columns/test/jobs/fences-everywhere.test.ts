/** Fences and the search through a database, the same on each kind of database. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Fernet } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';
import { describe, expect, test } from 'vitest';

import { convertColumn, type DeclaredColumn, discover, fencesOf, raiseFence, refuseFenced, removeFence, StoredValues } from '../../src/jobs/index.ts';
import { onEachDatabase } from '../databases/each-database.ts';
import { isRolledBack, type Session, type SqlValue } from '../databases/session.ts';
import { heldRing, rotatedRing } from '../held-ring.ts';
import { expectRefusal } from './postgres/a-database.ts';
import { applicationColumn } from './scene.ts';

const DECLARED: DeclaredColumn = { id: 'tests.secret', table: 't', column: 'secret', context: [], format: 'lfv1', as: 'text', label: 'org' };
const UNFORCED = { despiteRows: false, dryRun: false };
const FERNET = new Fernet(randomBytes(32).toString('base64url'));

function sealed(ring: KeyRing): string {
  return String(applicationColumn(ring).encrypt('x'));
}

function binary(ring: KeyRing): Buffer {
  return Buffer.from(ring.cipher({ purpose: 'column' }).encryptBinary('x', { place: ['tests.secret'] }));
}

/** Whether each was let in. */
async function attempts(session: Session, values: readonly SqlValue[]): Promise<boolean[]> {
  const all: boolean[] = [];
  for (const [at, value] of values.entries()) {
    const outcomes: boolean[] = [];
    for (const [statement, parameters] of [['UPDATE t SET secret = ? WHERE id = 1', [value]], ['INSERT INTO t (id, org, secret) VALUES (?, ?, ?)', [1000 + at, 'new', value]]] as const) {
      outcomes.push(
        await session.query(statement, parameters).then(
          () => true,
          (error: unknown) => {
            expect(String(error)).toMatch(/lockfast_tests_secret_[0-9a-f]{12}_[0-9a-f]{8}/);
            return false;
          },
        ),
      );
    }
    expect(outcomes[0], String(value)).toBe(outcomes[1]);
    all.push(outcomes[0]!);
  }
  await session.query('DELETE FROM t WHERE id >= 1000');
  return all;
}

onEachDatabase((under) => {
  const table = `CREATE TABLE t (id int PRIMARY KEY, org varchar(200), secret ${under.types.text})`;

  test('[B16] text: plaintext, cut values and finished keys are refused; the others pass', async () => {
    const old = await heldRing();
    const ring = rotatedRing(old);
    const database = under.aDatabase(table);
    const session = await database.session();
    await session.query('INSERT INTO t VALUES (1, ?, ?)', ['acme', sealed(ring)]);
    const jobs = await database.open();
    expect(await raiseFence(jobs, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'raised', proven: true });
    const value = sealed(ring);
    expect(await attempts(session, [value, sealed(rotatedRing(ring)), sealed(await heldRing()), null])).toEqual([true, true, true, true]);
    const refused = ['plain', '', sealed(old), value.slice(0, 60), `${value} `, `${value}\n`, ` ${value}`, value.toUpperCase(), FERNET.encrypt('x'), `lfv1.kq2d5x.${'ä'.repeat(120)}`];
    expect(await attempts(session, refused)).toEqual(refused.map(() => false));
    expect(await raiseFence(jobs, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'kept', proven: true, statements: [] });
    expect(await raiseFence(jobs, DECLARED, ring, { ...UNFORCED, also: 'fernet' })).toMatchObject({ done: 'replaced', proven: true });
    expect(await attempts(session, [FERNET.encrypt('x'), FERNET.encrypt('x'.repeat(20)), FERNET.encrypt('x').slice(0, 90), 'plain', sealed(old)])).toEqual([true, true, false, false, false]);
    expect(await fencesOf(jobs, DECLARED, rotatedRing(ring))).toMatchObject([{ state: 'outdated' }]);
    await removeFence(jobs, DECLARED, { dryRun: false });
    expect(await attempts(session, ['plain'])).toEqual([true]);
  });

  test('[B16] bytes, and a member of a document', async () => {
    const old = await heldRing();
    const ring = rotatedRing(old);
    const blobs = under.aDatabase(table.replace(under.types.text, under.types.binary));
    const [of, session] = [await blobs.open(), await blobs.session()];
    await session.query('INSERT INTO t VALUES (1, ?, ?)', ['acme', binary(ring)]);
    expect(await raiseFence(of, DECLARED, ring, UNFORCED)).toMatchObject({ proven: true });
    expect(await attempts(session, [binary(ring), null, binary(old), Buffer.from('plain'), binary(ring).subarray(0, 80)])).toEqual([true, true, false, false, false]);

    const declared: DeclaredColumn = { ...DECLARED, path: ['slack', 'token'] };
    const document = (token: unknown): string => JSON.stringify({ slack: { token }, other: 'plain' });
    const documents = under.aDatabase(table.replace(under.types.text, under.types.json));
    const [jobs, application] = [await documents.open(), await documents.session()];
    await application.query('INSERT INTO t VALUES (1, ?, ?)', ['acme', document(sealed(ring))]);
    expect(await raiseFence(jobs, declared, ring, UNFORCED)).toMatchObject({ proven: true });
    expect(await attempts(application, [document(sealed(ring)), document(null), '{}', null, document('plain'), document(sealed(old)), document(5), document([sealed(ring)])])).toEqual([true, true, true, true, false, false, false, false]);
  });

  test('[B16] a rotation under a fence, while an application writes: it sees no error, a stale one is refused, and then all is proven', async () => {
    const old = await heldRing();
    const database = under.aDatabase(table);
    const setting = await database.session();
    for (let id = 1; id <= 60; id++) await setting.query('INSERT INTO t VALUES (?, ?, ?)', [id, 'acme', sealed(old)]);
    const jobs = await database.open();
    await raiseFence(jobs, DECLARED, old, UNFORCED);
    const ring = rotatedRing(old);
    const [application, careless] = [await database.session(), await database.session()];
    const told = { toStop: false };
    let written = 0;
    const writing = (async () => {
      while (!told.toStop) {
        await application.query('UPDATE t SET secret = ?, org = ? WHERE id = ?', [sealed(ring), 'changed', 1 + (written % 60)]).then(() => written++, unlessRolledBack);
        await sleep(2);
      }
    })();
    let passed = 0;
    const trying = (async () => {
      while (!told.toStop) {
        await careless.query("UPDATE t SET secret = 'plain' WHERE id = 7").then(
          () => passed++,
          () => {},
        );
        await sleep(2);
      }
    })();
    await convertColumn(jobs, DECLARED, new StoredValues(ring, DECLARED, []), { direction: 'rotate', dryRun: false, batch: 20 });
    const report = await raiseFence(jobs, DECLARED, ring, UNFORCED);
    await sleep(100);
    told.toStop = true;
    await Promise.all([writing, trying]);
    expect(report).toMatchObject({ done: 'replaced', proven: true, rule: { refusedKeys: [old.active().id] } });
    expect(written).toBeGreaterThan(3);
    expect(passed).toBe(0);
    expect(await attempts(setting, [sealed(old), sealed(ring)])).toEqual([false, true]);
    await expectRefusal(convertColumn(jobs, DECLARED, new StoredValues(ring, DECLARED, []), { direction: 'decrypt', dryRun: false, batch: 20 }), 'database-refused', /the fence of the column does not let the value in/, /column fence/);
  });

  test('[B16] over rows that do not pass: refused where it would stop other updates of them, and else put up and not proven', async () => {
    const old = await heldRing();
    const ring = rotatedRing(old);
    const database = under.aDatabase(table);
    const session = await database.session();
    for (const [at, value] of [sealed(ring), 'plain', sealed(old), 'lfv1.cut', FERNET.encrypt('x')].entries()) await session.query('INSERT INTO t VALUES (?, ?, ?)', [at + 1, `row ${at + 1}`, value]);
    const jobs = await database.open();
    const report = await raiseFence(jobs, DECLARED, ring, UNFORCED);
    const { meetsEveryUpdate } = await jobs.fences(DECLARED);
    expect(report).toMatchObject({ done: meetsEveryUpdate ? 'refused' : 'raised', proven: false, violations: { rows: 4 } });
    expect(report.violations.first.map(({ key, label, violation }) => [key, label, violation.kind])).toEqual([[['2'], 'row 2', 'plaintext'], [['3'], 'row 3', 'key'], [['4'], 'row 4', 'malformed'], [['5'], 'row 5', 'format']]);
    await session.query("UPDATE t SET org = 'changed' WHERE id = 2");
  });

  test('[B16] half a fence, as a killed run leaves it, is told of, stops a decryption, and the next run completes it', async () => {
    const old = await heldRing();
    const ring = rotatedRing(old);
    const database = under.aDatabase(table);
    const session = await database.session();
    await session.query('INSERT INTO t VALUES (1, ?, ?)', ['acme', sealed(ring)]);
    const jobs = await database.open();
    if ((await jobs.fences(DECLARED)).meetsEveryUpdate) return;
    for (const lost of ['_i', '_u']) {
      const { name } = await raiseFence(jobs, DECLARED, ring, UNFORCED);
      await session.query(`DROP TRIGGER ${name}${lost}`);
      expect(await fencesOf(jobs, DECLARED, ring)).toMatchObject([{ name, whole: false, state: 'half' }]);
      const half = await fencesOf(jobs, DECLARED, ring);
      expect(() => refuseFenced(DECLARED, half)).toThrow(/has a fence/);
      expect(await raiseFence(jobs, DECLARED, ring, { ...UNFORCED, dryRun: true })).toMatchObject({ done: 'completed', statements: [expect.stringContaining(`${name}${lost}`)] });
      expect(await raiseFence(jobs, DECLARED, ring, UNFORCED)).toMatchObject({ name, done: 'completed', proven: true });
      expect(await fencesOf(jobs, DECLARED, ring)).toMatchObject([{ name, whole: true, state: 'current' }]);
      expect(await attempts(session, ['plain', sealed(ring)])).toEqual([false, true]);
    }
    // Half of the one before, beside the new one: what it refuses is taken down, too.
    const { name: before } = await raiseFence(jobs, DECLARED, old, UNFORCED);
    const [, body] = (await raiseFence(jobs, DECLARED, old, { ...UNFORCED, also: 'fernet', dryRun: true })).statements;
    await session.query(body!);
    await session.query(`DROP TRIGGER ${before}_i`);
    expect((await fencesOf(jobs, DECLARED, old)).map(({ state }) => state)).toEqual(['half', 'half']);
    expect(await raiseFence(jobs, DECLARED, ring, UNFORCED)).toMatchObject({ done: 'replaced', proven: true });
    expect(await fencesOf(jobs, DECLARED, ring)).toMatchObject([{ state: 'current' }]);
    const [{ name } = { name: '' }] = await fencesOf(jobs, DECLARED, ring);
    await session.query(`DROP TRIGGER ${name}_u`);
    expect(await removeFence(jobs, DECLARED, { dryRun: false })).toHaveLength(1);
    expect(await fencesOf(jobs, DECLARED, ring)).toEqual([]);
  });

  test('[B17] the search finds what is not declared, in text, bytes and documents, and in tables without a key', async () => {
    const ring = await heldRing();
    const { text, binary: bytes, json } = under.types;
    const database = under.aDatabase(`${table}; CREATE TABLE other (id int PRIMARY KEY, note ${text}, raw ${bytes}, doc ${json}); CREATE TABLE keyless (v ${text}, n int); CREATE TABLE twice (a int, b varchar(20), v ${text}, PRIMARY KEY (a, b))`);
    const session = await database.session();
    const value = sealed(ring);
    await session.query('INSERT INTO t VALUES (1, ?, ?)', [`see ${value.slice(0, 130)}`, value]);
    await session.query('INSERT INTO other VALUES (1, ?, ?, ?)', [value, binary(ring), JSON.stringify({ list: [{ token: value }], token: value, none: 'lfv1.' })]);
    await session.query('INSERT INTO keyless VALUES (?, 1)', [`was ${value}.`]);
    for (let row = 0; row < 5; row++) await session.query('INSERT INTO twice VALUES (?, ?, ?)', [row, 'x'.repeat(row), value]);
    const found = await discover(await database.open(), { declared: [DECLARED], fernetKeys: [] });
    expect(found.found.map(({ table: name, column, path, whole, rows }) => `${[name, column, ...path].join('/')}${whole ? '' : ' inside'} ${rows}`).toSorted()).toEqual(
      ['keyless/v inside 1', 'other/doc/list/*/token 1', 'other/doc/token 1', 'other/note 1', 'other/raw 1', 't/org inside 1', 'twice/v 5'].toSorted(),
    );
    expect(found.leftOut).toEqual([]);
  });
});

function unlessRolledBack(error: unknown): void {
  if (!isRolledBack(error)) throw error;
}

describe('names', () => {
  test('[B16] are of 63 bytes at most, and no two columns share one', async () => {
    const { fenceName, isFenceOf } = await import('../../src/jobs/fence.ts');
    const ids = ['a', 'a.b', 'a_b', `${'x'.repeat(60)}.a`, `${'x'.repeat(60)}.b`, `x${'.yz'.repeat(42)}`];
    const names = ids.map((id) => fenceName({ ...DECLARED, id }, 'rule'));
    expect(new Set(names).size).toBe(ids.length);
    for (const [at, name] of names.entries()) {
      expect(name.length + '_i'.length).toBeLessThanOrEqual(63);
      expect(name).toMatch(/^lockfast_[a-z0-9_]+$/);
      expect(ids.filter((id) => isFenceOf({ ...DECLARED, id }, name))).toEqual([ids[at]]);
    }
  });
});
