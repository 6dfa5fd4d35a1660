/** What holds for every adapter, on each database that it serves, a real one: an ORM that can't pass it does not get a guide. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { JsonValue } from '@lockfast/columns';
import type { KeyRing } from '@lockfast/core/keyring';

import { heldRing } from '../held-ring.ts';
import { migratingColumns, strictColumns } from './columns.ts';
import { bytesLiteral, type DatabaseServer, missingForDatabase, startDatabases, type TestDatabase } from './databases.ts';
import type { Ability, AdapterUnderTest, ConnectionChanges, ContractColumns, Lacks, NewConnection, OpenSession, OrganizationRow } from './harness.ts';
import { printed, refusalOf } from './refusal.ts';
import type { DatabaseKind } from './tables.ts';

const ACME: OrganizationRow = { id: 'acme', name: 'Acme', signingKey: null };
const GLOBEX: OrganizationRow = { id: 'globex', name: 'Globex', signingKey: null };

/** The columns of `connections` that hold encrypted values, as SQL names them. */
const ENCRYPTED = ['bot_token', 'certificate', 'settings', 'recovery_code'] as const;

const FULL = {
  botToken: 'xoxb-17-Zm9v',
  certificate: Buffer.from([0, 255, 128, 10]),
  settings: { url: 'https://example.com', retries: 3, on: false, none: null, list: ['a', { b: 1.5 }] },
  recoveryCode: 'recovery-1',
} as const;

interface StoredConnection {
  readonly bot_token: string | null;
  readonly certificate: Uint8Array | null;
  readonly settings: JsonValue;
  readonly recovery_code: string | null;
}

export function adapterContract(adapter: AdapterUnderTest): void {
  for (const [kind, lacks] of Object.entries(adapter.databases)) contractOn(adapter, kind as DatabaseKind, lacks);
}

function contractOn(adapter: AdapterUnderTest, kind: DatabaseKind, lacks: Lacks): void {
  const missing = missingForDatabase(kind);

  describe.skipIf(missing !== undefined)(`${adapter.name} on ${kind}: the contract of adapters${missing === undefined ? '' : ` (${missing})`}`, () => {
    let server: DatabaseServer;
    let ring: KeyRing;
    let sql: TestDatabase;
    let session: OpenSession;
    let logged: string[];
    let opened: OpenSession[];

    beforeAll(async () => {
      server = await startDatabases(kind);
      ring = await heldRing('test');
    }, 60_000);

    afterAll(async () => await server.stop(), 30_000);

    beforeEach(async () => {
      sql = await server.create();
      logged = [];
      opened = [];
      session = await open(strictColumns(ring));
      await session.insertOrganization(ACME);
      await session.insertOrganization(GLOBEX);
    });

    afterEach(async () => {
      for (const one of opened) await one.close();
      await sql.close();
    });

    async function open(columns: ContractColumns): Promise<OpenSession> {
      const one = await adapter.open(sql, columns, (line) => logged.push(line));
      opened.push(one);
      return one;
    }

    async function stored(id: number): Promise<StoredConnection> {
      const rows = await sql.rows<StoredConnection>(`SELECT bot_token, certificate, settings, recovery_code FROM connections WHERE id = ${id}`);
      expect(rows).toHaveLength(1);
      return rows[0]!;
    }

    /** Nothing but well-formed encrypted values and NULL, in the whole database. */
    async function expectOnlyEncrypted(): Promise<void> {
      const columns = strictColumns(ring);
      const rows = await sql.rows<StoredConnection>('SELECT bot_token, certificate, settings, recovery_code FROM connections');
      for (const row of rows) {
        for (const [name, value] of [['botToken', row.bot_token], ['certificate', row.certificate], ['settings', row.settings], ['recoveryCode', row.recovery_code]] as const) {
          if (value !== null) expect(columns[name].isEncrypted(value), name).toBe(true);
        }
      }
      const organizations = await sql.rows<{ signing_key: string | null }>('SELECT signing_key FROM organizations');
      for (const { signing_key: value } of organizations) if (value !== null) expect(columns.signingKey.isEncrypted(value)).toBe(true);
    }

    /** A test of what an adapter may lack; it says so in its title then. */
    const able = (ability: Ability, title: string, body: () => Promise<void>): void => {
      const reason = lacks[ability];
      if (reason === undefined) test(title, body);
      else test.skip(`${title} (${reason})`, body);
    };

    describe('what is stored', () => {
      test('[T1] [D2] an insert stores encrypted values only, of text, bytes and JSON, and a find gives them back', async () => {
        const inserted = await session.insert({ id: 1, orgId: 'acme', label: 'a label', ...FULL });
        expectRow(inserted, { id: 1, orgId: 'acme', label: 'a label', ...FULL });
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: 'a label', ...FULL });
        const row = await stored(1);
        expect(row.bot_token).toMatch(/^lfv1\./);
        expect(Buffer.from(row.certificate!).toString('latin1')).toMatch(/^lfv1\./);
        expect(row.settings).toMatch(/^lfv1\./);
        expect(row.recovery_code).toMatch(/^gAAAAA/);
        // With the library alone: what the adapter stores is what a job and every other program reads.
        const columns = strictColumns(ring);
        expect(columns.botToken.decrypt(row.bot_token, { org_id: 'acme' })).toBe(FULL.botToken);
        expect(columns.certificate.decrypt(row.certificate, { org_id: 'acme' })).toEqual(FULL.certificate);
        expect(columns.settings.decrypt(row.settings as string, { org_id: 'acme' })).toEqual(FULL.settings);
        expect(columns.recoveryCode.decrypt(row.recovery_code)).toBe(FULL.recoveryCode);
        await expectOnlyEncrypted();
      });

      test('[D2] many rows in one insert, of several organizations and with NULLs between them', async () => {
        const rows = Array.from({ length: 60 }, (_, i): NewConnection => ({
          id: i,
          orgId: i % 2 === 0 ? 'acme' : 'globex',
          botToken: i % 3 === 0 ? null : `token ${i}`,
          certificate: Buffer.from([i]),
          settings: { i },
          recoveryCode: `code ${i}`,
        }));
        await session.insertMany(rows);
        await expectOnlyEncrypted();
        const found = [...(await session.findMany('acme')), ...(await session.findMany('globex'))].toSorted((a, b) => a.id - b.id);
        expect(found).toHaveLength(60);
        found.forEach((row, i) => expectRow(row, { label: null, ...rows[i]! }));
      });

      test('[D2] null stays NULL; the empty text, no bytes and JSON false, 0 and "" are encrypted and come back', async () => {
        await session.insert({ id: 1, orgId: 'acme', botToken: null, certificate: null, settings: null, recoveryCode: null });
        expect(await stored(1)).toEqual({ bot_token: null, certificate: null, settings: null, recovery_code: null });
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: null, botToken: null, certificate: null, settings: null, recoveryCode: null });
        await session.insert({ id: 2, orgId: 'acme', botToken: '', certificate: new Uint8Array(), settings: false, recoveryCode: '' });
        await session.insert({ id: 3, orgId: 'acme', settings: 0 });
        await session.insert({ id: 4, orgId: 'acme', settings: '' });
        await expectOnlyEncrypted();
        for (const name of ENCRYPTED) expect((await stored(2))[name], name).not.toBeNull();
        expectRow(await session.find(2), { id: 2, orgId: 'acme', label: null, botToken: '', certificate: new Uint8Array(), settings: false, recoveryCode: '' });
        expect((await session.find(3))!.settings).toBe(0);
        expect((await session.find(4))!.settings).toBe('');
      });

      test('values of every script, with line ends, NUL and quotes, and of 1 MiB', async () => {
        const texts = ['ключ 鍵 🔑 é é', "a'b\"c`d\\e $1 %s {}", 'line\r\nline\ttab', 'nul\0inside', 'x'.repeat(1024 * 1024)];
        for (const [id, text] of texts.entries()) {
          await session.insert({ id, orgId: 'acme', botToken: text, certificate: Buffer.from(text), settings: { [text.slice(0, 40)]: text }, recoveryCode: text });
          expectRow(await session.find(id), { id, orgId: 'acme', label: null, botToken: text, certificate: Buffer.from(text), settings: { [text.slice(0, 40)]: text }, recoveryCode: text });
        }
        await expectOnlyEncrypted();
      });

      test('an update changes what it names, in one row or in many, and leaves the rest', async () => {
        await session.insertMany([1, 2, 3].map((id) => ({ id, orgId: id === 3 ? 'globex' : 'acme', ...FULL })));
        const before = await stored(1);
        await session.update({ id: 1, orgId: 'acme' }, { botToken: 'new', label: 'named', certificate: undefined });
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: 'named', ...FULL, botToken: 'new' });
        expect((await stored(1)).certificate).toEqual(before.certificate);
        await session.updateMany('acme', { settings: { all: true }, recoveryCode: null });
        for (const id of [1, 2]) expect(await session.find(id)).toMatchObject({ settings: { all: true }, recoveryCode: null });
        expectRow(await session.find(3), { id: 3, orgId: 'globex', label: null, ...FULL });
        await session.update({ id: 1, orgId: 'acme' }, { botToken: null });
        expect((await stored(1)).bot_token).toBeNull();
        await expectOnlyEncrypted();
      });

      able('upsert', 'an upsert encrypts on both of its ways', async () => {
        await session.upsert({ id: 1, orgId: 'acme', ...FULL }, { botToken: 'not this one' });
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: null, ...FULL });
        await session.upsert({ id: 1, orgId: 'acme', botToken: 'nor this' }, { botToken: 'this one', certificate: Buffer.from('c') });
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: null, ...FULL, botToken: 'this one', certificate: Buffer.from('c') });
        await expectOnlyEncrypted();
      });

      able('nested-writes', '[D2] a nested write stores encrypted values only', async () => {
        await session.insertNested({ id: 'initech', name: 'Initech', signingKey: 'signs' }, [
          { id: 1, ...FULL },
          { id: 2, botToken: 'second' },
        ]);
        await expectOnlyEncrypted();
        expect((await stored(2)).bot_token).toMatch(/^lfv1\./);
        expectRow(await session.find(1), { id: 1, orgId: 'initech', label: null, ...FULL });
      });

      test('a relation is read with its encrypted columns, on both of its sides', async () => {
        await session.insertOrganization({ id: 'initech', name: 'Initech', signingKey: 'signs' });
        await session.insertMany([1, 2].map((id) => ({ id, orgId: 'initech', ...FULL, botToken: `token ${id}` })));
        const found = await session.findOrganization('initech');
        expect(found).toMatchObject({ id: 'initech', name: 'Initech', signingKey: 'signs' });
        expect(new Set(found!.connections.map(({ botToken }) => botToken))).toEqual(new Set(['token 1', 'token 2']));
        for (const row of found!.connections) expectRow(row, { id: row.id, orgId: 'initech', label: null, ...FULL, botToken: `token ${row.id}` });
      });

      test('a deleted row is gone, encrypted or not', async () => {
        await session.insert({ id: 1, orgId: 'acme', ...FULL });
        await session.delete(1);
        expect(await session.find(1)).toBeNull();
      });
    });

    describe('where a value belongs', () => {
      test('[B4] a row that SQL copies to another organization does not decrypt there, and neither does one that SQL moves', async () => {
        await session.insert({ id: 1, orgId: 'acme', botToken: FULL.botToken });
        await sql.rows("INSERT INTO connections (id, org_id, bot_token) SELECT 2, 'globex', bot_token FROM connections WHERE id = 1");
        expect(await refusalOf(() => session.find(2))).toMatchObject({ code: 'moved-or-altered' });
        expect(await refusalOf(() => session.findMany('globex'))).toMatchObject({ code: 'moved-or-altered' });
        expect((await session.find(1))!.botToken).toBe(FULL.botToken);
        await sql.rows("UPDATE connections SET org_id = 'globex' WHERE id = 1");
        expect(await refusalOf(() => session.find(1))).toMatchObject({ code: 'moved-or-altered' });
      });

      test('[B4] a value that SQL copies to another column does not decrypt there', async () => {
        await session.insert({ id: 1, orgId: 'acme', botToken: FULL.botToken });
        await sql.rows("UPDATE organizations SET signing_key = (SELECT bot_token FROM connections WHERE id = 1) WHERE id = 'acme'");
        expect(await refusalOf(() => session.findOrganization('acme'))).toMatchObject({ code: 'moved-or-altered' });
      });

      able('refuses-context-changes', '[B4] a context column can not be changed without the values that are bound to it', async () => {
        await session.insert({ id: 1, orgId: 'acme', label: 'before', ...FULL });
        const before = await stored(1);
        const attempts: ConnectionChanges[] = [{ orgId: 'globex' }, { orgId: 'globex', label: 'after' }, { orgId: 'globex', botToken: 'only one of three' }];
        for (const changes of attempts) {
          const refusal = await refusalOf(() => session.update({ id: 1, orgId: 'acme' }, changes));
          expect(refusal.code).toBe('invalid-context');
          expect(refusal.hint).not.toBe('');
          expect(await refusalOf(() => session.updateMany('acme', changes))).toMatchObject({ code: 'invalid-context' });
        }
        expect(await stored(1)).toEqual(before);
        expectRow(await session.find(1), { id: 1, orgId: 'acme', label: 'before', ...FULL });
      });

      test('a context column that is changed together with all values that are bound to it: they open in the new place', async () => {
        await session.insert({ id: 1, orgId: 'acme', ...FULL });
        await session.update({ id: 1, orgId: 'acme' }, { orgId: 'globex', botToken: 'new', certificate: null, settings: [1] });
        expectRow(await session.find(1), { id: 1, orgId: 'globex', label: null, botToken: 'new', certificate: null, settings: [1], recoveryCode: FULL.recoveryCode });
        await expectOnlyEncrypted();
      });

      able('adds-context-columns', 'a read that asks for the value alone gets the value, and no column that it did not ask for', async () => {
        await session.insert({ id: 1, orgId: 'acme', ...FULL });
        expect(await session.findToken(1)).toEqual({ botToken: FULL.botToken });
      });

      test('a read that asks for the value alone never gets a wrong answer', async () => {
        await session.insert({ id: 1, orgId: 'acme', ...FULL });
        await sql.rows("UPDATE connections SET org_id = 'globex' WHERE id = 1");
        expect((await refusalOf(() => session.findToken(1))).code).toMatch(/^(moved-or-altered|invalid-context|usage)$/);
      });
    });

    describe('what is no value of this column', () => {
      test('plaintext in the table is an error in strict reading, and is not quoted', async () => {
        await sql.rows("INSERT INTO connections (id, org_id, bot_token) VALUES (1, 'acme', 'canary-plain')");
        const refusal = await refusalOf(() => session.find(1));
        expect(refusal.code).toBe('not-encrypted');
        expect(refusal.message).toContain('connections.bot_token');
        expect(refusal.printed).not.toContain('canary-plain');
      });

      test('plaintext in the table is handed out and told of, each time, where it is allowed; new values are encrypted', async () => {
        await sql.rows(`INSERT INTO connections (id, org_id, bot_token, certificate, settings) VALUES (1, 'acme', 'plain', ${bytesLiteral(kind, Buffer.from('plain'))}, '{"plain": true}')`);
        await session.insert({ id: 2, orgId: 'acme', ...FULL });
        const told: string[] = [];
        const migrating = await open(migratingColumns(ring, (id) => told.push(id)));
        expectRow(await migrating.find(1), { id: 1, orgId: 'acme', label: null, botToken: 'plain', certificate: Buffer.from('plain'), settings: { plain: true }, recoveryCode: null });
        expect(told.toSorted()).toEqual(['connections.bot_token', 'connections.certificate', 'connections.settings']);
        expectRow(await migrating.find(2), { id: 2, orgId: 'acme', label: null, ...FULL });
        expect(told).toHaveLength(3);
        await migrating.update({ id: 1, orgId: 'acme' }, { botToken: 'fresh', certificate: null, settings: null });
        await expectOnlyEncrypted();
        expect((await session.find(1))!.botToken).toBe('fresh');
      });

      test('a value that opens under no key is an error in every reading mode, and never handed out as it is', async () => {
        const others = await open(strictColumns(await heldRing('test')));
        await others.insert({ id: 1, orgId: 'acme', botToken: 'theirs' });
        await others.insert({ id: 2, orgId: 'acme', recoveryCode: 'theirs' });
        await others.insert({ id: 3, orgId: 'acme', certificate: Buffer.from('theirs') });
        const migrating = await open(migratingColumns(ring, () => undefined));
        for (const reader of [session, migrating]) {
          expect(await refusalOf(() => reader.find(1))).toMatchObject({ code: 'missing-key' });
          expect(await refusalOf(() => reader.find(2))).toMatchObject({ code: 'invalid-token' });
          expect(await refusalOf(() => reader.find(3))).toMatchObject({ code: 'missing-key' });
        }
      });

      test('a value that was cut short or altered is an error', async () => {
        await session.insert({ id: 1, orgId: 'acme', botToken: FULL.botToken });
        await sql.rows('UPDATE connections SET bot_token = substr(bot_token, 1, length(bot_token) - 4)');
        expect((await refusalOf(() => session.find(1))).code).toMatch(/^(malformed|moved-or-altered|wrong-key)$/);
      });

      test('an encrypted value is refused as input, in either format: nothing is encrypted twice', async () => {
        await session.insert({ id: 1, orgId: 'acme', ...FULL });
        const row = await stored(1);
        for (const value of [row.bot_token!, row.recovery_code!]) {
          expect(await refusalOf(() => session.insert({ id: 2, orgId: 'acme', botToken: value }))).toMatchObject({ code: 'already-encrypted' });
          expect(await refusalOf(() => session.insert({ id: 2, orgId: 'acme', recoveryCode: value }))).toMatchObject({ code: 'already-encrypted' });
          expect(await refusalOf(() => session.insertMany([{ id: 2, orgId: 'acme', botToken: 'good' }, { id: 3, orgId: 'acme', botToken: value }]))).toMatchObject({ code: 'already-encrypted' });
          expect(await refusalOf(() => session.update({ id: 1, orgId: 'acme' }, { botToken: value }))).toMatchObject({ code: 'already-encrypted' });
        }
        expect(await session.findMany('acme')).toHaveLength(1);
      });

      test('a value of another type than the column has is refused', async () => {
        expect(await refusalOf(() => session.insert({ id: 1, orgId: 'acme', botToken: 7 as unknown as string }))).toMatchObject({ code: 'invalid-text' });
        expect(await refusalOf(() => session.insert({ id: 1, orgId: 'acme', settings: { at: Number.NaN } }))).toMatchObject({ code: 'invalid-text' });
        expect(await refusalOf(() => session.insert({ id: 1, orgId: 'acme', botToken: 'half \ud800' }))).toMatchObject({ code: 'invalid-text' });
        expect(await session.find(1)).toBeNull();
      });
    });

    describe('questions to the database', () => {
      able('refuses-filters', 'a filter or an order over an encrypted column is refused with the reason: it would find nothing', async () => {
        await session.insert({ id: 1, orgId: 'acme', botToken: 'canary-sought' });
        for (const question of [() => session.findByToken('canary-sought'), () => session.orderByToken()]) {
          const refusal = await refusalOf(question);
          expect(refusal.code).toBe('usage');
          expect(refusal.message).toMatch(/encrypted/);
          expect(refusal.printed).not.toContain('canary-sought');
        }
      });

      test('rows without a value are found', async () => {
        await session.insertMany([{ id: 1, orgId: 'acme', botToken: '' }, { id: 2, orgId: 'acme' }]);
        expect((await session.findWithoutToken()).map(({ id }) => id)).toEqual([2]);
      });
    });

    describe('transactions', () => {
      test('a transaction that fails leaves nothing, one that ends well leaves encrypted values', async () => {
        await expect(
          session.transaction(async (inner) => {
            await inner.insert({ id: 1, orgId: 'acme', ...FULL });
            expectRow(await inner.find(1), { id: 1, orgId: 'acme', label: null, ...FULL });
            throw new Error('no');
          }),
        ).rejects.toThrow('no');
        expect(await session.find(1)).toBeNull();
        await session.transaction(async (inner) => {
          await inner.insert({ id: 1, orgId: 'acme', ...FULL });
          await inner.update({ id: 1, orgId: 'acme' }, { botToken: 'inside' });
        });
        expect((await session.find(1))!.botToken).toBe('inside');
        await expectOnlyEncrypted();
      });

      test('a refusal inside a transaction rolls it back', async () => {
        const encrypted = strictColumns(ring).recoveryCode.encrypt('x') as string;
        const refusal = await refusalOf(() =>
          session.transaction(async (inner) => {
            await inner.insert({ id: 1, orgId: 'acme', ...FULL });
            await inner.update({ id: 1, orgId: 'acme' }, { botToken: encrypted });
          }),
        );
        expect(refusal.code).toBe('already-encrypted');
        expect(await session.find(1)).toBeNull();
      });

      able('transactions-at-once', 'transactions at once do not get into one another', async () => {
        await Promise.all(
          Array.from({ length: 8 }, async (_, i) => {
            const orgId = i % 2 === 0 ? 'acme' : 'globex';
            const work = session.transaction(async (inner) => {
              await inner.insert({ id: i, orgId, botToken: `first ${i}`, settings: i });
              await inner.update({ id: i, orgId }, { botToken: `second ${i}` });
              expect((await inner.find(i))!.botToken).toBe(`second ${i}`);
              if (i === 3) throw new Error('no');
            });
            if (i === 3) await expect(work).rejects.toThrow('no');
            else await work;
          }),
        );
        for (const i of [0, 1, 2, 4, 5, 6, 7]) expect(await session.find(i)).toMatchObject({ botToken: `second ${i}`, settings: i });
        expect(await session.find(3)).toBeNull();
        await expectOnlyEncrypted();
      });
    });

    describe('what gets out', () => {
      test('[T5] no value stands in the database, in what ORM and driver log, or in any error', async () => {
        const canary = 'canary-5c7f2b';
        const forms = [canary, Buffer.from(canary).toString('hex'), Buffer.from(canary).toString('base64').slice(0, 16)];
        const values = { botToken: canary, certificate: Buffer.from(canary), settings: { [canary]: canary }, recoveryCode: canary };
        const failures: string[] = [];
        const attempt = async (action: () => Promise<unknown>): Promise<void> => {
          try {
            await action();
          } catch (error) {
            failures.push(printed(error));
            return;
          }
          throw new Error('it did not fail');
        };
        await session.insert({ id: 1, orgId: 'acme', ...values });
        await session.insertMany([{ id: 2, orgId: 'acme', ...values }, { id: 3, orgId: 'globex', ...values }]);
        await session.update({ id: 1, orgId: 'acme' }, values);
        await session.updateMany('acme', values);
        await session.find(1);
        await session.findMany('acme');
        await session.findOrganization('acme');
        // The database refuses: the same key twice, no such organization.
        await attempt(() => session.insert({ id: 1, orgId: 'acme', ...values }));
        await attempt(() => session.insertMany([{ id: 4, orgId: 'nowhere', ...values }]));
        // We refuse.
        await attempt(() => session.insert({ id: 5, orgId: null as unknown as string, ...values }));
        await attempt(() => session.insert({ id: 5, orgId: 'acme', ...values, settings: { [canary]: Number.NaN } }));
        await attempt(() => session.insert({ id: 5, orgId: 'acme', ...values, botToken: { nested: canary } as unknown as string }));
        await sql.rows("UPDATE connections SET org_id = 'globex' WHERE id = 1");
        await attempt(() => session.find(1));
        expect(failures).toHaveLength(6);
        // Otherwise it proves nothing that no canary is there.
        expect(logged.some((line) => line.includes('lfv1.'))).toBe(true);
        const everything = [...failures, ...logged, ...(await dump())].join('\n');
        for (const form of forms) expect(everything).not.toContain(form);
      });
    });

    async function dump(): Promise<string[]> {
      const rows = [...(await sql.rows<object>('SELECT * FROM connections')), ...(await sql.rows<object>('SELECT * FROM organizations'))];
      return rows.flatMap((row) => Object.values(row).map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : JSON.stringify(value))));
    }
  });
}

/** Bytes are compared as bytes: an ORM may hand them out as Buffer or as Uint8Array. */
function expectRow(actual: unknown, expected: NewConnection): void {
  expect(plain(actual)).toEqual(plain(expected));
}

function plain(row: unknown): unknown {
  if (row === null || typeof row !== 'object' || !('certificate' in row)) return row;
  const { certificate } = row;
  return { ...row, certificate: certificate instanceof Uint8Array ? Buffer.from(certificate).toString('hex') : certificate };
}
