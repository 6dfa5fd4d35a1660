/** What is Drizzle's own: where its column types are asked and where not, what reaches them, and in which form. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';

import { column } from '@lockfast/columns';
import { boundColumnType, type BoundValuesOf, columnType, decryptRow, decryptRows, EncryptedValue, encryptChanges, encryptRow, encryptRows, type ValuesOf } from '@lockfast/columns/drizzle';
import { missingForPostgres, type PostgresServer, startPostgres } from '@lockfast/testkit';
import { eq, getTableColumns, inArray, relations, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { boolean, check, customType, getTableConfig, integer, jsonb, pgTable, timestamp, unionAll } from 'drizzle-orm/pg-core';
import { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { refusalOf as laterRefusalOf } from '../contract/refusal.ts';
import { heldRing } from '../held-ring.ts';
import { refusalOf } from '../refusal.ts';

const ring = await heldRing();
const apiKey = column(ring, { id: 'teams.api_key' });
const seed = column(ring, { id: 'teams.seed', as: 'bytes', storage: 'binary' });
const config = column(ring, { id: 'teams.config', as: 'json' });
const backupCode = column(ring, { id: 'teams.backup_code', format: 'fernet', storage: 'binary' });
const token = column(ring, { id: 'hooks.token', context: ['team_id'] });
const pin = column(ring, { id: 'hooks.pin', context: ['team_id', 'hook_id'], storage: 'binary' });

const teams = pgTable('teams', {
  teamId: integer('team_id').primaryKey(),
  apiKey: customType<ValuesOf<typeof apiKey>>(columnType(apiKey, 'varchar(2000)'))('api_key').$defaultFn(() => 'made by the application'),
  seed: customType<ValuesOf<typeof seed>>(columnType(seed))('seed'),
  config: customType<ValuesOf<typeof config>>(columnType(config))('config'),
  backupCode: customType<ValuesOf<typeof backupCode>>(columnType(backupCode))('backup_code'),
  made: timestamp('made').defaultNow(),
});
const hooks = pgTable(
  'hooks',
  {
    hookId: integer('hook_id').primaryKey(),
    teamId: integer('team_id').notNull(),
    on: boolean('on').default(true),
    extra: jsonb('extra'),
    token: customType<BoundValuesOf<typeof token>>(boundColumnType(token))('token'),
    pin: customType<BoundValuesOf<typeof pin>>(boundColumnType(pin))('pin'),
  },
  (table) => [check('hooks_token_encrypted', sql`${table.token} LIKE 'lfv1.%'`), check('hooks_pin_encrypted', sql`substring(${table.pin} FOR 5) = 'lfv1.'`)],
);
const schema = {
  teams,
  hooks,
  teamsRelations: relations(teams, ({ many }) => ({ hooks: many(hooks) })),
  hooksRelations: relations(hooks, ({ one }) => ({ team: one(teams, { fields: [hooks.teamId], references: [teams.teamId] }) })),
};

/** As a migration of these tables would make them, checks included. */
const TABLES = `
  CREATE TABLE teams (team_id integer PRIMARY KEY, api_key varchar(2000), seed bytea, config text, backup_code bytea, made timestamp DEFAULT now());
  CREATE TABLE hooks (hook_id integer PRIMARY KEY, team_id integer NOT NULL, "on" boolean DEFAULT true, extra jsonb,
    token text CONSTRAINT hooks_token_encrypted CHECK (token LIKE 'lfv1.%'), pin bytea CONSTRAINT hooks_pin_encrypted CHECK (substring(pin FOR 5) = 'lfv1.'));
  CREATE TABLE loose (id integer PRIMARY KEY, api_key text DEFAULT 'canary-default', team_id integer, token text, keys text[])`;

test('a column type has its type in SQL, for drizzle-kit', () => {
  expect(getTableConfig(teams).columns.map((one) => one.getSQLType())).toEqual(['integer', 'varchar(2000)', 'bytea', 'text', 'bytea', 'timestamp']);
  expect(getTableColumns(hooks).pin.getSQLType()).toBe('bytea');
  expect(columnType(config, 'jsonb').dataType()).toBe('jsonb');
});

describe('a mistake in the program is found at its start', () => {
  test.for<[string, () => unknown]>([
    ['a column with a context as one without', () => columnType(token)],
    ['a column without a context as one with', () => boundColumnType(apiKey)],
    ['bytes in a JSON column', () => columnType(seed, 'jsonb')],
    ['bytes in a column of text', () => columnType(seed, 'varchar(500)')],
    ['text in a column of bytes', () => boundColumnType(token, 'bytea')],
    ['a table without bound columns', () => encryptRow(teams, { teamId: 1 })],
    ['a table that lacks a context column', () => encryptRow(pgTable('x', { token: hookToken()('token') }), { token: 'x' })],
    ['a default of the database', () => encryptRow(pgTable('x', { teamId: integer('team_id'), token: hookToken()('token').default(new EncryptedValue(token, 'x')) }), { teamId: 1 })],
  ])('%s', ([, mistake]) => {
    expect(refusalOf(mistake)).toMatchObject({ code: 'usage', hint: expect.stringMatching(/./) });
  });
});

test('[T5] what Drizzle holds of a bound column prints as nothing', () => {
  const value = new EncryptedValue(token, token.encrypt('canary-7f', { team_id: 1 }));
  for (const printed of [String(value), JSON.stringify({ value }), inspect({ value }, { depth: 9 })]) {
    expect(printed).toContain('[encrypted hooks.token]');
    expect(printed).not.toMatch(/canary|lfv1/);
  }
});

test('with a casing, context columns are found by the names of the database', () => {
  const table = pgTable('x', { teamId: integer(), token: hookToken()() });
  const { token: encrypted } = encryptRow(table, { teamId: 7, token: 'x' });
  expect(token.decrypt(encrypted!.stored, { team_id: 7 })).toBe('x');
  expect(decryptRow(table, { teamId: 7, token: encrypted })).toEqual({ teamId: 7, token: 'x' });
});

const missing = missingForPostgres();

describe.skipIf(missing !== undefined)(`on PostgreSQL${missing === undefined ? '' : `: ${missing}`}`, () => {
  let server: PostgresServer;
  let pool: Pool;
  let db: ReturnType<typeof connect>;
  const logged: string[] = [];

  // eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
  function connect(on: Pool) {
    return drizzle(on, { schema, logger: { logQuery: (query, params) => logged.push(`${query} ${params.map(String).join()}`) } });
  }

  beforeAll(async () => {
    server = await startPostgres('fast');
    server.sql('postgres', TABLES);
    pool = new Pool({ connectionString: server.url('postgres', 'postgres') });
    db = connect(pool);
  });
  afterAll(async () => {
    await pool.end();
    await server.stop();
  });
  beforeEach(async () => {
    await pool.query('TRUNCATE teams, hooks, loose');
  });

  const team = { teamId: 1, apiKey: 'key-1', seed: Buffer.from([0, 255]), config: { a: [0, false, '', null] }, backupCode: 'code-1' };
  const hook = { hookId: 10, teamId: 1, token: 'token-1', pin: '0000' };
  const other = { hookId: 20, teamId: 2, token: 'token-2', pin: '' };
  const insertAll = async (): Promise<void> => {
    await db.insert(teams).values([team, { teamId: 2 }]);
    await db.insert(hooks).values(encryptRows(hooks, [hook, other]));
  };

  describe('[D2] columns without a context need nothing but their type', () => {
    test('[T1] insert, select, update, returning', async () => {
      const [returned] = await db.insert(teams).values(team).returning();
      expect(returned).toMatchObject(team);
      expect((await pool.query<{ api_key: string }>('SELECT api_key FROM teams')).rows[0]!.api_key).toMatch(/^lfv1\./);
      expect(await db.update(teams).set({ apiKey: 'key-2', seed: null }).returning({ apiKey: teams.apiKey, seed: teams.seed })).toEqual([{ apiKey: 'key-2', seed: null }]);
      expect(await db.delete(teams).returning({ config: teams.config })).toEqual([{ config: team.config }]);
    });

    test('a default that the application makes is encrypted', async () => {
      await db.insert(teams).values({ teamId: 3 });
      expect((await db.select().from(teams))[0]!.apiKey).toBe('made by the application');
      expect((await pool.query<{ api_key: string }>('SELECT api_key FROM teams')).rows[0]!.api_key).toMatch(/^lfv1\./);
    });

    test('a prepared statement encrypts its parameters, null among them', async () => {
      const insert = db
        .insert(teams)
        .values({ teamId: sql.placeholder('id'), apiKey: sql.placeholder('key'), seed: sql.placeholder('seed') })
        .prepare('insert_team');
      await insert.execute({ id: 1, key: 'key-1', seed: Buffer.from('s') });
      await insert.execute({ id: 2, key: null, seed: null });
      expect(await db.select({ apiKey: teams.apiKey, seed: teams.seed }).from(teams).orderBy(teams.teamId)).toEqual([{ apiKey: 'key-1', seed: Buffer.from('s') }, { apiKey: null, seed: null }]);
      expect((await pool.query('SELECT 1 FROM teams WHERE api_key LIKE $1', ['lfv1.%'])).rowCount).toBe(1);
      expect((await laterRefusalOf(() => insert.execute({ id: 3, key: undefined, seed: null }))).code).toBe('invalid-text');
    });

    test('subqueries, unions, joins and expressions that are mapped by the column', async () => {
      await insertAll();
      const inner = db.select({ key: teams.apiKey, id: teams.teamId }).from(teams).where(eq(teams.teamId, 1)).as('inner');
      expect(await db.select().from(inner)).toEqual([{ key: 'key-1', id: 1 }]);
      const cte = db.$with('cte').as(db.select({ key: teams.apiKey }).from(teams).where(eq(teams.teamId, 1)));
      expect(await db.with(cte).select().from(cte)).toEqual([{ key: 'key-1' }]);
      const one = () => db.select({ key: teams.apiKey }).from(teams).where(eq(teams.teamId, 1));
      expect(await unionAll(one(), one())).toEqual([{ key: 'key-1' }, { key: 'key-1' }]);
      expect(await db.select({ key: sql`coalesce(${teams.apiKey}, NULL)`.mapWith(teams.apiKey) }).from(teams).where(eq(teams.teamId, 1))).toEqual([{ key: 'key-1' }]);
      // Without mapWith it is what the database holds: nothing is decrypted that Drizzle does not know the column of.
      const [raw] = await db.select({ key: sql<string>`${teams.apiKey}` }).from(teams).where(eq(teams.teamId, 1));
      expect(raw!.key).toMatch(/^lfv1\./);
    });

    test('relations on both sides: PostgreSQL hands their bytes over as text in hexadecimal', async () => {
      await insertAll();
      expect(await db.query.hooks.findFirst({ where: eq(hooks.hookId, 10), columns: { hookId: true }, with: { team: { columns: { made: false } } } })).toEqual({ hookId: 10, team });
      const found = await db.query.teams.findFirst({ where: eq(teams.teamId, 1), with: { hooks: { columns: { on: false, extra: false } } } });
      expect(found).toMatchObject(team);
      expect(decryptRows(hooks, found!.hooks)).toEqual([hook]);
    });

    test('an array has an encrypted value for each member', async () => {
      const loose = pgTable('loose', { id: integer('id').primaryKey(), keys: customType<ValuesOf<typeof apiKey>>(columnType(apiKey))('keys').array() });
      await db.insert(loose).values({ id: 1, keys: ['a', ''] });
      expect(await db.select().from(loose)).toEqual([{ id: 1, keys: ['a', ''] }]);
      expect((await pool.query<{ keys: string[] }>('SELECT keys FROM loose')).rows[0]!.keys.every((one) => apiKey.isEncrypted(one))).toBe(true);
    });

    test('a condition finds nothing: what it compares with is encrypted anew, and a column type can not tell it from a write', async () => {
      await insertAll();
      expect(await db.select().from(teams).where(eq(teams.apiKey, 'key-1'))).toEqual([]);
      expect(await db.select().from(teams).where(inArray(teams.apiKey, ['key-1', 'key-2']))).toEqual([]);
      // But never with the value in the statement.
      expect(logged.join('\n')).not.toContain('key-1');
    });
  });

  describe('[B4] columns with a context', () => {
    test('[T1] rows in and out, in one statement for many, and a value that is left out or null is NULL', async () => {
      await db.insert(hooks).values(encryptRows(hooks, [hook, other, { hookId: 30, teamId: 2 }, { hookId: 31, teamId: 2, token: null, pin: 'x' }]));
      expect(decryptRows(hooks, await db.select().from(hooks).orderBy(hooks.hookId))).toEqual(
        [hook, other, { hookId: 30, teamId: 2, token: null, pin: null }, { hookId: 31, teamId: 2, token: null, pin: 'x' }].map((row) => ({ on: true, extra: null, ...row })),
      );
      const { rows } = await pool.query<{ token: string; pin: Buffer }>('SELECT token, pin FROM hooks WHERE hook_id = 10');
      expect(token.decrypt(rows[0]!.token, { team_id: 1 })).toBe('token-1');
      expect(pin.decrypt(rows[0]!.pin, { team_id: 1, hook_id: 10 })).toBe('0000');
      expect(refusalOf(() => pin.decrypt(rows[0]!.pin, { team_id: 1, hook_id: 11 })).code).toBe('moved-or-altered');
    });

    test('nothing but an encrypted value of this very column is stored: not by types, and not without them', async () => {
      const elsewhere = new EncryptedValue(column(ring, { id: 'hooks.other', context: ['team_id'] }), token.encrypt('x', { team_id: 1 }));
      const plain = new EncryptedValue(token, 'canary-plain');
      const cutShort = new EncryptedValue(token, 'lfv1.');
      await insertAll();
      const before = (await pool.query('SELECT * FROM hooks ORDER BY hook_id')).rows;
      for (const wrong of ['canary-plain', token.encrypt('x', { team_id: 1 }) as string, 7, false, '', {}, elsewhere, plain, cutShort]) {
        for (const write of [
          // @ts-expect-error -- Not an encrypted value.
          async () => await db.insert(hooks).values({ hookId: 1, teamId: 1, token: wrong }),
          // @ts-expect-error -- Not an encrypted value.
          async () => await db.update(hooks).set({ token: wrong }),
          // @ts-expect-error -- Not an encrypted value.
          async () => await db.insert(hooks).values(encryptRow(hooks, hook)).onConflictDoUpdate({ target: hooks.hookId, set: { token: wrong } }),
          async () => await db.insert(hooks).values({ hookId: 1, teamId: 1, token: sql.placeholder('t') }).prepare('p').execute({ t: wrong }),
        ]) {
          const refusal = await laterRefusalOf(write);
          expect(refusal.code).toBe('usage');
          expect(refusal.printed).not.toContain('canary-plain');
        }
      }
      expect((await pool.query('SELECT * FROM hooks ORDER BY hook_id')).rows).toEqual(before);
    });

    test('a condition with a value is refused', async () => {
      // @ts-expect-error -- Not an encrypted value.
      const refusal = await laterRefusalOf(async () => await db.select().from(hooks).where(eq(hooks.token, 'token-1')));
      expect(refusal).toMatchObject({ code: 'usage', hint: expect.stringContaining('a condition on an encrypted column finds nothing') });
    });

    test('SQL of one\'s own goes past every column type: there the check of the table refuses plaintext', async () => {
      await insertAll();
      for (const write of [
        async () => await db.update(hooks).set({ token: sql`'canary-plain'` }),
        async () => await db.update(hooks).set({ pin: sql`'canary-plain'::bytea` }),
        async () => await db.execute(sql`UPDATE hooks SET token = 'canary-plain'`),
      ]) {
        await expect(write()).rejects.toMatchObject({ cause: { code: '23514' } });
      }
      expect(decryptRows(hooks, await db.select().from(hooks))).toHaveLength(2);
    });

    test('[B4] the trigger of the guide refuses a context that changes under its values, also by a cascade', async () => {
      const guide = readFileSync(new URL('../../../../docs/guides/drizzle.md', import.meta.url), 'utf8');
      await pool.query('CREATE TABLE organizations (id text PRIMARY KEY); CREATE TABLE connections (id integer PRIMARY KEY, org_id text REFERENCES organizations ON UPDATE CASCADE, bot_token text)');
      await pool.query(/```sql\n([^]*?)```/.exec(guide)![1]!);
      await pool.query(`INSERT INTO organizations VALUES ('acme'), ('globex'); INSERT INTO connections VALUES (1, 'acme', 'lfv1.x'), (2, 'acme', NULL)`);
      for (const change of [`UPDATE connections SET org_id = 'globex'`, `UPDATE connections SET org_id = 'globex', bot_token = bot_token WHERE id = 1`, `UPDATE organizations SET id = 'acme2' WHERE id = 'acme'`]) {
        await expect(pool.query(change)).rejects.toMatchObject({ code: '23514' });
      }
      await pool.query(`UPDATE connections SET org_id = 'globex', bot_token = 'lfv1.y' WHERE id = 1; UPDATE connections SET org_id = 'globex' WHERE id = 2; UPDATE connections SET bot_token = NULL`);
    });

    test('a default of the database is plaintext: it is an error when it is read', async () => {
      const loose = pgTable('loose', { id: integer('id').primaryKey(), apiKey: customType<ValuesOf<typeof apiKey>>(columnType(apiKey))('api_key').default('canary-default') });
      await db.insert(loose).values({ id: 1 });
      const refusal = await laterRefusalOf(async () => await db.select().from(loose));
      expect(refusal.code).toBe('not-encrypted');
      expect(refusal.printed).not.toContain('canary-default');
    });

    test('a value that is put into another row goes there, and does not decrypt there', async () => {
      await insertAll();
      const [row] = await db.select().from(hooks).where(eq(hooks.hookId, 10));
      await db.insert(hooks).values({ hookId: 11, teamId: 2, token: row!.token });
      const [moved] = await db.select().from(hooks).where(eq(hooks.hookId, 11));
      expect(refusalOf(() => decryptRow(hooks, moved!)).code).toBe('moved-or-altered');
      // @ts-expect-error -- As it was read, and not decrypted.
      expect(refusalOf(() => encryptRow(hooks, row!)).code).toBe('invalid-text');
      // The way: decrypted, then encrypted for where it goes.
      const opened = decryptRow(hooks, row!);
      await db.insert(hooks).values(encryptRow(hooks, { ...opened, hookId: 12, teamId: 2 }));
      const [copied] = await db.select().from(hooks).where(eq(hooks.hookId, 12));
      expect(decryptRow(hooks, copied!)).toMatchObject({ token: 'token-1', pin: '0000' });
    });

    test('changes: what is bound to a context column that changes must be given, and only that', async () => {
      await insertAll();
      const place = { hookId: 10, teamId: 1 };
      for (const [changes, named] of [
        [{ teamId: 2 }, 'token'],
        [{ teamId: 2, token: 'x' }, 'pin'],
        [{ teamId: 2, pin: 'x' }, 'token'],
        [{ hookId: 11 }, 'pin'],
        [{ hookId: 11, token: 'x' }, 'pin'],
      ] as const) {
        expect(refusalOf(() => encryptChanges(hooks, changes, place))).toMatchObject({ code: 'invalid-context', message: expect.stringContaining(`hooks.${named}: `) });
      }
      // As it is read from elsewhere: nothing changes.
      expect(Object.keys(encryptChanges(hooks, { teamId: 1, on: false }, place))).toEqual(['teamId', 'on']);
      await db.update(hooks).set(encryptChanges(hooks, { hookId: 11, pin: '1111' }, place)).where(eq(hooks.hookId, 10));
      await db.update(hooks).set(encryptChanges(hooks, { teamId: 3, token: 'x', pin: null }, { hookId: 11, teamId: 1 })).where(eq(hooks.hookId, 11));
      const [row] = await db.select().from(hooks).where(eq(hooks.hookId, 11));
      expect(decryptRow(hooks, row!)).toMatchObject({ teamId: 3, token: 'x', pin: null });
    });

    test('changes without a place, or with half of one, are refused', () => {
      for (const place of [{}, { teamId: 1 }, { hookId: 10 }, { teamId: undefined, hookId: 10 }]) {
        expect(refusalOf(() => encryptChanges(hooks, { pin: 'x' }, place)).code).toBe('invalid-context');
      }
      expect(refusalOf(() => encryptChanges(hooks, { teamId: 2 }, {})).code).toBe('invalid-context');
      expect(encryptChanges(hooks, { pin: null, on: true }, {})).toEqual({ pin: null, on: true });
      // @ts-expect-error -- A change of a context column by SQL: nobody knows to what.
      expect(refusalOf(() => encryptChanges(hooks, { teamId: sql`team_id + 1`, token: 'x', pin: 'x' }, hook)).code).toBe('invalid-context');
    });

    test('an insert that conflicts sets the value that was to be inserted', async () => {
      await insertAll();
      await db
        .insert(hooks)
        .values(encryptRow(hooks, { ...hook, token: 'token-3' }))
        .onConflictDoUpdate({ target: hooks.hookId, set: { token: sql`excluded.token` } });
      const [row] = await db.select().from(hooks).where(eq(hooks.hookId, 10));
      expect(decryptRow(hooks, row!)).toMatchObject({ token: 'token-3', pin: '0000' });
    });

    test('joins, other names, and columns that were not selected', async () => {
      await insertAll();
      const joined = await db.select().from(teams).leftJoin(hooks, eq(hooks.hookId, sql`${teams.teamId} * 10 + CASE WHEN ${teams.teamId} = 1 THEN 0 ELSE 5 END`)).orderBy(teams.teamId);
      expect(joined.map((row) => ({ key: row.teams.apiKey, hook: decryptRow(hooks, row.hooks)?.token ?? null }))).toEqual([{ key: 'key-1', hook: 'token-1' }, { key: 'made by the application', hook: null }]);
      const [named] = await db.select({ secret: hooks.token, teamId: hooks.teamId }).from(hooks).where(eq(hooks.hookId, 10));
      expect(decryptRow(hooks, named!)).toEqual({ secret: 'token-1', teamId: 1 });
      const alone = await db.select({ token: hooks.token }).from(hooks);
      expect(refusalOf(() => decryptRows(hooks, alone))).toMatchObject({ code: 'invalid-context', message: expect.stringContaining('teamId'), hint: expect.stringContaining('select') });
      // Whoever knows the place has the column itself.
      expect(token.decrypt((await db.select({ token: hooks.token }).from(hooks).where(eq(hooks.hookId, 10)))[0]!.token!.stored, { team_id: 1 })).toBe('token-1');
      const found = await db.query.teams.findMany({ with: { hooks: { columns: { token: true } } } });
      expect(refusalOf(() => decryptRows(hooks, found.flatMap((one) => one.hooks))).code).toBe('invalid-context');
      expect(decryptRows(hooks, [])).toEqual([]);
    });

    test('rows that are given stay as they were', async () => {
      await insertAll();
      const rows = await db.select().from(hooks);
      const before = rows.map((row) => row.token);
      decryptRows(hooks, rows);
      expect(rows.map((row) => row.token)).toEqual(before);
      const given = { ...hook };
      encryptRow(hooks, given);
      expect(given).toEqual(hook);
    });
  });
});

// eslint-disable-next-line @typescript-eslint/explicit-function-return-type -- Drizzle's types are made by inference.
function hookToken() {
  return customType<BoundValuesOf<typeof token>>(boundColumnType(token));
}
