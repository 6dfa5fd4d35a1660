/** What is Kysely's own: which queries are understood, and that the others are refused before the database sees them. */
import { inJson, lockfastKysely } from '@lockfast/columns/kysely';
import { CamelCasePlugin, CompiledQuery, Kysely, type LogEvent, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { strictColumns } from '../contract/columns.ts';
import { type DatabaseServer, missingForDatabase, startDatabases, type TestDatabase } from '../contract/databases.ts';
import { refusalOf } from '../contract/refusal.ts';
import type { DatabaseKind } from '../contract/tables.ts';
import { heldRing } from '../held-ring.ts';
import { refusalOf as refusalNow } from '../refusal.ts';
import { dialectFor } from './connect.ts';

interface Tables {
  organizations: { id: string; name: string; signing_key: string | null };
  connections: { id: number; org_id: string; label: string | null; bot_token: string | null; certificate: Uint8Array | null; settings: unknown; recovery_code: string | null };
}

const ring = await heldRing();
const columns = strictColumns(ring);

function registry(kind: DatabaseKind): Parameters<typeof lockfastKysely>[0] {
  const { signingKey, botToken, certificate, settings, recoveryCode } = columns;
  return { organizations: { signing_key: signingKey }, connections: { bot_token: botToken, certificate, settings: kind === 'postgres' ? inJson(settings) : settings, recovery_code: recoveryCode } };
}

const EMPTY = { label: null, bot_token: null, certificate: null, settings: null, recovery_code: null };
const ONE = { ...EMPTY, id: 1, org_id: 'acme', bot_token: 'token-1', recovery_code: 'code-1' };
const TWO = { ...EMPTY, id: 2, org_id: 'globex', bot_token: 'token-2', settings: { two: 2 } };

describe('a mistake in the program is found at its start', () => {
  test.for<[string, () => unknown]>([
    ['a table without a column', () => lockfastKysely({ connections: {} })],
    ['a table twice, but for its case', () => lockfastKysely({ connections: { bot_token: columns.botToken }, Connections: { bot_token: columns.botToken } })],
    ['a column twice, but for its case', () => lockfastKysely({ connections: { bot_token: columns.botToken, botToken: columns.botToken } })],
    ['a context column that is encrypted itself', () => lockfastKysely({ connections: { bot_token: columns.botToken, org_id: columns.recoveryCode } })],
    ['bytes in a JSON column', () => lockfastKysely({ connections: { certificate: inJson(columns.certificate) } })],
  ])('%s', ([, mistake]) => {
    expect(refusalNow(mistake)).toMatchObject({ code: 'usage', hint: expect.stringMatching(/./) });
  });
});

function on(kind: DatabaseKind, body: (scene: { db: () => Kysely<Tables>; database: () => TestDatabase; logged: LogEvent[] }) => void): void {
  const missing = missingForDatabase(kind);
  describe.skipIf(missing !== undefined)(`on ${kind}${missing === undefined ? '' : `: ${missing}`}`, () => {
    let server: DatabaseServer;
    let database: TestDatabase;
    let db: Kysely<Tables>;
    const logged: LogEvent[] = [];

    beforeAll(async () => {
      server = await startDatabases(kind);
      database = await server.create();
      db = new Kysely<Tables>({ dialect: dialectFor(database), plugins: [lockfastKysely(registry(kind))], log: (event) => void logged.push(event) });
    }, 60_000);
    beforeEach(async () => {
      await db.deleteFrom('connections').execute();
      await db.deleteFrom('organizations').execute();
      await db.insertInto('organizations').values([{ id: 'acme', name: 'Acme', signing_key: 'signs' }, { id: 'globex', name: 'Globex', signing_key: null }]).execute();
      await db.insertInto('connections').values([ONE, TWO]).execute();
      logged.length = 0;
    });
    afterAll(async () => {
      await db.destroy();
      await database.close();
      await server.stop();
    }, 30_000);
    body({ db: () => db, database: () => database, logged });
  });
}

on('postgres', ({ db, database, logged }) => {
  describe('what is read', () => {
    test('[T1] other names, joins, subqueries, common table expressions: decrypted, with no column that was not asked for', async () => {
      const one = { secret: 'token-1' };
      const base = db().selectFrom('connections').where('connections.id', '=', 1);
      expect(await base.select('bot_token as secret').execute()).toEqual([one]);
      expect(await base.select((eb) => eb.ref('connections.bot_token').as('secret')).execute()).toEqual([one]);
      expect(await base.innerJoin('organizations as o', 'o.id', 'connections.org_id').select(['bot_token as secret', 'o.signing_key', 'o.name']).execute()).toEqual([{ ...one, signing_key: 'signs', name: 'Acme' }]);
      expect(await base.innerJoin('connections as other', 'other.id', 'connections.id').select(['connections.bot_token as secret', 'other.bot_token as same']).execute()).toEqual([{ ...one, same: 'token-1' }]);
      expect(await db().selectFrom(base.select(['id', 'bot_token as inner']).as('s')).select('s.inner as secret').execute()).toEqual([one]);
      expect(await db().selectFrom(base.select(['id', 'bot_token as secret']).as('s')).selectAll().execute()).toEqual([{ id: 1, ...one }]);
      expect(await db().selectFrom(base.selectAll().as('s')).selectAll('s').execute()).toEqual([ONE]);
      expect(await db().with('c', () => base.select(['id', 'bot_token'])).selectFrom('c').select('c.bot_token as secret').execute()).toEqual([one]);
      expect(await db().with('c', () => base.select('bot_token as x')).with('d', (q) => q.selectFrom('c').selectAll()).selectFrom('d as e').select('e.x as secret').execute()).toEqual([one]);
      expect(await db().withSchema('public').selectFrom('connections').select('bot_token as secret').where('id', '=', 1).execute()).toEqual([one]);
      expect(await db().selectFrom('organizations as o').leftJoin('connections as c', (join) => join.onRef('c.org_id', '=', 'o.id').on('c.id', '=', 1)).select(['o.id', 'c.bot_token']).orderBy('o.id').execute()).toEqual([{ id: 'acme', bot_token: 'token-1' }, { id: 'globex', bot_token: null }]);
      expect(await db().selectFrom('organizations').innerJoinLateral((eb) => eb.selectFrom('connections').select('bot_token').whereRef('connections.org_id', '=', 'organizations.id').as('l'), (join) => join.onTrue()).select(['organizations.id', 'l.bot_token']).orderBy('organizations.id').execute()).toEqual([{ id: 'acme', bot_token: 'token-1' }, { id: 'globex', bot_token: 'token-2' }]);
      expect(await base.select('settings').forUpdate('connections').execute()).toEqual([{ settings: null }]);
    });

    test('questions that touch no value: how many, whether there is one, whether it is null', async () => {
      expect(await db().selectFrom('connections').select((eb) => [eb.fn.count('bot_token').as('n'), eb.fn.countAll().as('all')]).executeTakeFirst()).toEqual({ n: '2', all: '2' });
      expect(await db().selectFrom('organizations as o').select('o.id').where((eb) => eb.exists(eb.selectFrom('connections').selectAll().whereRef('org_id', '=', 'o.id').where('settings', 'is not', null))).execute()).toEqual([{ id: 'globex' }]);
      expect(await db().selectFrom('connections').select('id').where('settings', 'is', null).execute()).toEqual([{ id: 1 }]);
    });

    test('returning, of every kind of write', async () => {
      expect(await db().insertInto('connections').values({ ...ONE, id: 3 }).returning(['id', 'bot_token']).execute()).toEqual([{ id: 3, bot_token: 'token-1' }]);
      expect(await db().updateTable('connections').set({ bot_token: 'new' }).where('id', '=', 3).where('org_id', '=', 'acme').returning('bot_token as t').execute()).toEqual([{ t: 'new' }]);
      expect(await db().updateTable('connections as c').from('organizations as o').set({ label: 'x' }).whereRef('o.id', '=', 'c.org_id').where('c.id', '=', 3).returning(['c.bot_token', 'o.signing_key']).execute()).toEqual([{ bot_token: 'new', signing_key: 'signs' }]);
      expect(await db().with('gone', (q) => q.deleteFrom('connections').where('id', '=', 3).returning('bot_token')).selectFrom('gone').selectAll().execute()).toEqual([{ bot_token: 'new' }]);
      expect(await db().deleteFrom('connections').where('id', '=', 1).returningAll().execute()).toEqual([ONE]);
    });

    test('queries that were made with a Kysely of their own, and come by twice, also with a plugin that renames', async () => {
      const inner = db().selectFrom('connections').select(['id', 'bot_token as secret']).where('id', '=', 1);
      expect(await db().selectFrom(inner.as('a')).innerJoin(inner.as('b'), 'a.id', 'b.id').select(['a.secret', 'b.secret as other']).execute()).toEqual([{ secret: 'token-1', other: 'token-1' }]);
      expect(await refusalOf(async () => await db().with('w', () => db().insertInto('connections').values({ ...ONE, id: 9 }).returning('id')).selectFrom('w').selectAll().execute())).toMatchObject({ code: 'already-encrypted' });
      const camel = new Kysely<{ connections: { id: number; orgId: string; botToken: string | null } }>({ dialect: dialectFor(database()), plugins: [new CamelCasePlugin(), lockfastKysely(registry('postgres'))] });
      const named = camel.selectFrom('connections').select(['id', 'botToken as mySecret']).where('orgId', '=', 'acme');
      expect(await camel.selectFrom(named.as('innerQuery')).selectAll().execute()).toEqual([{ id: 1, mySecret: 'token-1' }]);
      expect(await camel.selectFrom('connections').select('botToken').where('id', '=', 1).execute()).toEqual([{ botToken: 'token-1' }]);
      await camel.destroy();
      // Before the plugin that renames, too: nothing is stored as it is because of an order.
      const before = new Kysely<{ connections: { id: number; orgId: string; botToken: string | null } }>({ dialect: dialectFor(database()), plugins: [lockfastKysely(registry('postgres')), new CamelCasePlugin()] });
      await before.insertInto('connections').values({ id: 9, orgId: 'acme', botToken: 'token-9' }).execute();
      expect(await before.selectFrom('connections').select('botToken').where('id', '=', 9).execute()).toEqual([{ botToken: 'token-9' }]);
      expect((await database().rows<{ bot_token: string }>('SELECT bot_token FROM connections WHERE id = 9'))[0]!.bot_token).toMatch(/^lfv1\./);
      await before.destroy();
    });

    test('a value that looks like a part of a query is a value', async () => {
      const settings = { kind: 'SelectQueryNode', from: { kind: 'FromNode', froms: [] }, where: [{ kind: 'ReferenceNode', column: { kind: 'ColumnNode', column: { kind: 'IdentifierNode', name: 'bot_token' } } }] };
      await db().insertInto('connections').values({ ...ONE, id: 4, settings }).execute();
      expect(await db().selectFrom('connections').select('settings').where('id', '=', 4).execute()).toEqual([{ settings }]);
    });

    test('the plan of a query has no rows to decrypt', async () => {
      const query = db().selectFrom('connections').selectAll().where('id', '=', 1);
      expect(await query.explain()).toEqual(expect.arrayContaining([{ 'QUERY PLAN': expect.stringContaining('connections') }]));
      expect(await query.select('label as other').execute()).toEqual([{ ...ONE, other: null }]);
    });

    test('a query that is compiled once and run twice', async () => {
      const compiled = db().selectFrom('connections').select('bot_token').where('id', '=', 1).compile();
      for (let i = 0; i < 2; i++) expect((await db().executeQuery(compiled)).rows).toEqual([{ bot_token: 'token-1' }]);
    });
  });

  describe('what is refused, before the database sees it', () => {
    const q = db;
    test.for<[string, () => { execute(): Promise<unknown> }]>([
      ['a condition', () => q().selectFrom('connections').select('id').where('bot_token', '=', 'canary')],
      ['a condition in a list', () => q().selectFrom('connections').select('id').where('bot_token', 'in', ['canary'])],
      ['a condition on a subquery', () => q().selectFrom((eb) => eb.selectFrom('connections').selectAll().as('s')).select('s.id').where('s.bot_token', '=', 'canary')],
      ['a condition in a join', () => q().selectFrom('connections as a').innerJoin('connections as b', 'a.bot_token', 'b.bot_token').select('a.id')],
      ['a condition in SQL of one\'s own', () => q().selectFrom('connections').select('id').where(sql<boolean>`BOT_TOKEN = ${'canary'}`)],
      ['a condition by sql.ref', () => q().selectFrom('connections').select('id').where(sql<boolean>`${sql.ref('connections.bot_token')} = 'canary'`)],
      ['a condition by another case of the name', () => q().selectFrom('connections').select('id').where('BOT_TOKEN' as 'bot_token', '=', 'canary')],
      ['an order', () => q().selectFrom('connections').select('id').orderBy('bot_token')],
      ['an order by the name in the result', () => q().selectFrom('connections').select('bot_token as t').orderBy('t')],
      ['a group', () => q().selectFrom('connections').select((eb) => eb.fn.countAll().as('n')).groupBy('bot_token')],
      ['distinct', () => q().selectFrom('connections').select('bot_token').distinct()],
      ['a union', () => q().selectFrom('connections').select('bot_token').union((eb) => eb.selectFrom('connections').select('bot_token'))],
      ['a union where the encrypted one comes last', () => q().selectFrom('connections').select('label').unionAll((eb) => eb.selectFrom('connections').select('bot_token as label'))],
      ['a function', () => q().selectFrom('connections').select((eb) => eb.fn.coalesce('bot_token', 'label').as('t'))],
      ['an aggregate', () => q().selectFrom('connections').select((eb) => eb.fn.max('bot_token').as('t'))],
      ['how many different ones', () => q().selectFrom('connections').select((eb) => eb.fn.count('bot_token').distinct().as('t'))],
      ['a case', () => q().selectFrom('connections').select((eb) => eb.case().when('id', '=', 1).then(eb.ref('bot_token')).end().as('t'))],
      ['the inside of JSON', () => q().selectFrom('connections').select((eb) => eb.ref('settings', '->>').key('two' as never).as('t'))],
      ['SQL of one\'s own', () => q().selectFrom('connections').select(sql`lower(bot_token)`.as('t'))],
      ['a query for one value', () => q().selectFrom('organizations').select((eb) => eb.selectFrom('connections').select('bot_token').limit(1).as('t'))],
      ['rows as JSON', () => q().selectFrom('organizations').select((eb) => jsonArrayFrom(eb.selectFrom('connections').select('bot_token')).as('t'))],
      ['a whole row', () => q().selectFrom('connections').select((eb) => eb.fn.toJson('connections').as('t'))],
      ['a whole row by its name', () => q().selectFrom('connections as c').select('c' as 'id')],
      ['two columns of one name', () => q().selectFrom('connections as a').innerJoin('connections as b', 'b.id', 'a.id').select(['a.bot_token', 'b.bot_token'])],
      ['a column that could be of two tables', () => q().selectFrom('connections as a').innerJoin('connections as b', 'b.id', 'a.id').select('bot_token')],
      ['all of two tables with the same column', () => q().selectFrom('connections as a').innerJoin('connections as b', 'b.id', 'a.id').selectAll()],
      ['a common table expression with other names', () => q().with('c(x)', (w) => w.selectFrom('connections').select('bot_token as x')).selectFrom('c').selectAll()],
      ['rows from a query', () => q().insertInto('connections').columns(['id', 'org_id', 'bot_token']).expression((eb) => eb.selectFrom('organizations').select((e) => [e.lit(9).as('id'), 'id as org_id', 'name as bot_token']))],
      ['rows from a query, without columns', () => q().insertInto('connections').expression((eb) => eb.selectFrom('organizations').selectAll() as never)],
      ['encrypted rows into a plain column', () => q().insertInto('organizations').columns(['id', 'name']).expression((eb) => eb.selectFrom('connections').select(['label as id', 'bot_token as name']) as never)],
      ['an expression as a new value', () => q().updateTable('connections').set({ bot_token: sql<string>`'canary'` }).where('org_id', '=', 'acme')],
      ['another column as a new value', () => q().updateTable('connections').set((eb) => ({ bot_token: eb.ref('label') })).where('org_id', '=', 'acme')],
      ['an encrypted column as a plain one\'s value', () => q().updateTable('connections').set((eb) => ({ label: eb.ref('bot_token') })).where('org_id', '=', 'acme')],
      ['a write in SQL of one\'s own that sneaks into a plain column', () => q().updateTable('connections').set({ label: sql<string>`'x', bot_token = 'canary'` }).where('org_id', '=', 'acme')],
      ['a column that is set by SQL of one\'s own', () => q().updateTable('connections').set(sql<string>`bot_token`, 'canary').where('org_id', '=', 'acme')],
      ['a column that is set by sql.ref', () => q().updateTable('connections').set(sql.ref<string>('org_id'), 'canary').where('org_id', '=', 'acme')],
      ['an expression as an inserted value', () => q().insertInto('connections').values({ ...ONE, id: 9, bot_token: sql<string>`'canary'` })],
      ['a key of an upsert', () => q().insertInto('connections').values(ONE).onConflict((conflict) => conflict.column('bot_token').doNothing())],
      ['a statement of one\'s own', () => ({ execute: async () => await sql`UPDATE connections SET bot_token = 'canary'`.execute(q()) })],
      ['a statement of one\'s own, by sql.table', () => ({ execute: async () => await sql`INSERT INTO ${sql.table('connections')} (id, org_id, bot_token) VALUES (9, 'acme', 'canary')`.execute(q()) })],
      ['a SELECT of one\'s own with a second statement', () => ({ execute: async () => await sql`SELECT 1; UPDATE connections SET bot_token = 'canary'`.execute(q()) })],
    ])('%s', async ([, query]) => {
      const refusal = await refusalOf(async () => await query().execute());
      expect(refusal).toMatchObject({ code: 'usage', hint: expect.stringMatching(/./) });
      expect(refusal.printed).not.toContain('canary');
      expect(logged).toEqual([]);
    });

    test('what comes encrypted out of SQL of one\'s own is refused, and plain results are not', async () => {
      for (const query of [sql`SELECT * FROM connections`, sql`SELECT json_agg(connections) AS j FROM connections`, sql`SELECT recovery_code FROM connections WHERE id = 1`]) {
        expect(await refusalOf(async () => await query.execute(db()))).toMatchObject({ code: 'usage', hint: expect.stringContaining('withoutPlugins') });
      }
      expect(await refusalOf(async () => await db().executeQuery(CompiledQuery.raw('SELECT bot_token FROM connections')))).toMatchObject({ code: 'usage' });
      expect((await sql`SELECT id FROM connections ORDER BY id`.execute(db())).rows).toEqual([{ id: 1 }, { id: 2 }]);
      const [stored] = await db().withoutPlugins().selectFrom('connections').select('bot_token').where('id', '=', 1).execute();
      expect(columns.botToken.decrypt(stored!.bot_token, { org_id: 'acme' })).toBe('token-1');
    });
  });

  describe('[B4] where a new value belongs', () => {
    test('an update that does not demand the context is refused; a condition in AND and parentheses tells it, one in OR does not', async () => {
      const update = db().updateTable('connections').set({ bot_token: 'new' });
      for (const unknown of [
        update.where('id', '=', 1),
        update.where((eb) => eb.or([eb('org_id', '=', 'acme'), eb('id', '=', 1)])),
        update.where('org_id', 'in', ['acme']),
        update.where('org_id', '!=', 'acme'),
        update.where('org_id', '=', sql<string>`'acme'`),
        update.from('organizations as o').where('o.id', '=', 'acme').whereRef('o.id', '=', 'connections.org_id'),
      ]) {
        expect(await refusalOf(async () => await unknown.execute())).toMatchObject({ code: 'invalid-context' });
      }
      await update.where((eb) => eb.and([eb('id', '=', 1), eb.and({ org_id: 'acme' })])).execute();
      await db().updateTable('connections as c').from('organizations as o').set({ bot_token: 'newer' }).where('c.org_id', '=', 'globex').whereRef('o.id', '=', 'c.org_id').execute();
      expect(await db().selectFrom('connections').select('bot_token').orderBy('id').execute()).toEqual([{ bot_token: 'new' }, { bot_token: 'newer' }]);
      // What is bound to nothing, and NULL, need no place.
      await db().updateTable('connections').set({ recovery_code: 'all', bot_token: null, label: sql<string>`upper('x')` }).execute();
      expect(await db().selectFrom('connections').select(['recovery_code', 'bot_token', 'label']).where('id', '=', 1).execute()).toEqual([{ recovery_code: 'all', bot_token: null, label: 'X' }]);
    });

    test('a context that an expression changes is refused, as is an insert without it', async () => {
      expect(await refusalOf(async () => await db().updateTable('connections').set({ org_id: sql<string>`'globex'`, bot_token: 'x', certificate: null, settings: null }).where('org_id', '=', 'acme').execute())).toMatchObject({ code: 'invalid-context' });
      expect(await refusalOf(async () => await db().insertInto('connections').values({ id: 9, bot_token: 'x' } as never).execute())).toMatchObject({ code: 'invalid-context' });
      expect(await refusalOf(async () => await db().insertInto('connections').values({ ...ONE, id: 9, org_id: sql<string>`'acme'` }).execute())).toMatchObject({ code: 'invalid-context' });
    });

    test('rows of several forms in one insert: what a row leaves out is NULL', async () => {
      await db().insertInto('connections').values([{ id: 7, org_id: 'acme', bot_token: 'seven' }, { id: 8, org_id: 'acme', label: sql<string>`'eight'` }] as never).execute();
      expect(await db().selectFrom('connections').select(['label', 'bot_token']).where('id', '>', 6).orderBy('id').execute()).toEqual([{ label: null, bot_token: 'seven' }, { label: 'eight', bot_token: null }]);
    });

    test('MERGE encrypts on both of its ways, for the place that its conditions demand', async () => {
      const merge = (id: number, org: string) =>
        db()
          .mergeInto('connections as c')
          .using('organizations as o', (join) => join.onRef('c.org_id', '=', 'o.id').on('o.id', '=', org).on('c.org_id', '=', org).on('c.id', '=', id));
      expect(await refusalOf(async () => await db().mergeInto('connections as c').using('organizations as o', 'o.id', 'c.org_id').whenMatched().thenUpdateSet({ bot_token: 'x' }).execute())).toMatchObject({ code: 'invalid-context' });
      const compiled = merge(1, 'acme').whenMatched().thenUpdateSet({ bot_token: 'merged' }).whenNotMatchedAnd('o.id', '=', 'acme').thenInsertValues({ ...EMPTY, id: 5, org_id: 'acme', bot_token: 'inserted' }).compile();
      // PostgreSQL 15 has it.
      await db().executeQuery(compiled);
      expect(await db().selectFrom('connections').select('bot_token').where('id', '=', 1).execute()).toEqual([{ bot_token: 'merged' }]);
      expect(JSON.stringify(logged.map(({ query }) => [query.sql, query.parameters, query.query]))).not.toMatch(/merged|inserted/);
    });
  });
});

for (const kind of ['postgres', 'mariadb', 'sqlite'] as const) {
  on(kind, ({ db, database, logged }) => {
    test('[B4] an upsert that meets a row of another place leaves it as it is, and says so', async () => {
      const before = await database().rows('SELECT * FROM connections ORDER BY id');
      const insert = db().insertInto('connections').values({ ...ONE, org_id: 'globex', bot_token: 'theirs' });
      const upsert = kind === 'mariadb' ? insert.onDuplicateKeyUpdate({ bot_token: 'changed' }) : insert.onConflict((conflict) => conflict.column('id').doUpdateSet({ bot_token: 'changed' }));
      if (kind === 'mariadb') await expect(upsert.execute()).rejects.toThrow(/more than 1 row/);
      else expect(await refusalOf(async () => await upsert.execute())).toMatchObject({ code: 'conflict' });
      expect(await database().rows('SELECT * FROM connections ORDER BY id')).toEqual(before);
    });

    test('an upsert of many rows sets what was to be inserted, each in its place', async () => {
      const insert = db().insertInto('connections').values([{ ...ONE, bot_token: 'first' }, { ...TWO, bot_token: 'second' }, { ...ONE, id: 3, bot_token: 'third' }]);
      if (kind === 'mariadb') await insert.onDuplicateKeyUpdate((eb) => ({ bot_token: eb.fn<string>('values', ['bot_token']) })).execute();
      else await insert.onConflict((conflict) => conflict.column('id').doUpdateSet((eb) => ({ bot_token: eb.ref('excluded.bot_token') }))).execute();
      expect(await db().selectFrom('connections').select('bot_token').orderBy('id').execute()).toEqual([{ bot_token: 'first' }, { bot_token: 'second' }, { bot_token: 'third' }]);
      const several = db().insertInto('connections').values([ONE, TWO]);
      const literal = kind === 'mariadb' ? several.onDuplicateKeyUpdate({ bot_token: 'one for all' }) : several.onConflict((conflict) => conflict.column('id').doUpdateSet({ bot_token: 'one for all' }));
      expect(await refusalOf(async () => await literal.execute())).toMatchObject({ code: 'invalid-context' });
    });

    test('[D2] what is written is the table, also where a common table expression has its name', async () => {
      if (kind === 'mariadb') return;
      const shadowed = db().with('connections', (q) => q.selectFrom('organizations').select('id'));
      await shadowed.insertInto('connections').values({ ...ONE, id: 5, bot_token: 'canary-1' } as never).execute();
      await shadowed.updateTable('connections').set({ bot_token: 'canary-2', recovery_code: 'canary-3' } as never).where('org_id' as never, '=', 'globex' as never).execute();
      expect(await shadowed.deleteFrom('connections').where('id', '=', 5 as never).returning(['id', 'bot_token' as never]).execute()).toEqual([{ id: 5, bot_token: 'canary-1' }]);
      expect(await refusalOf(async () => await shadowed.updateTable('connections').set({ bot_token: 'x' } as never).execute())).toMatchObject({ code: 'invalid-context' });
      expect(JSON.stringify(await database().rows('SELECT * FROM connections'))).not.toContain('canary');
      expect(await db().selectFrom('connections').select(['bot_token', 'recovery_code']).where('id', '=', 2).execute()).toEqual([{ bot_token: 'canary-2', recovery_code: 'canary-3' }]);
    });

    test('[T5] nothing that Kysely logs holds a value', async () => {
      await db().updateTable('connections').set({ bot_token: 'canary-1', settings: { 'canary-2': 1 } }).where('org_id', '=', 'acme').execute();
      await db().insertInto('connections').values({ ...ONE, id: 9, bot_token: 'canary-3', certificate: Buffer.from('canary-4') }).execute();
      const everything = JSON.stringify(logged.map(({ query }) => [query.sql, query.parameters, query.query]));
      expect(everything).toContain('lfv1.');
      expect(everything).not.toMatch(/canary|63616e617279/);
    });
  });
}
