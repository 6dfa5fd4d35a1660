/** What is MikroORM's own: its snapshots, what goes past the unit of work, and where entities come from. */
import { inspect } from 'node:util';

import { column } from '@lockfast/columns';
import { EncryptedHydrator, encryptedType, EncryptionSubscriber } from '@lockfast/columns/mikro-orm';
import { EntitySchema, helper, raw, wrap } from '@mikro-orm/core';
import { MikroORM } from '@mikro-orm/sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { strictColumns } from '../contract/columns.ts';
import { type DatabaseServer, startDatabases, type TestDatabase } from '../contract/databases.ts';
import { refusalOf } from '../contract/refusal.ts';
import { heldRing } from '../held-ring.ts';
import { refusalOf as refusalNow } from '../refusal.ts';
import { openOrm, type OpenOrm } from './connect.ts';
import { Connection, contractEntities, Organization } from './entities.ts';

const ring = await heldRing();
const columns = strictColumns(ring);
const VALUES = { botToken: 'token-1', certificate: Buffer.from([1, 2]), settings: { a: { b: [1] } }, recoveryCode: 'code-1' };

let server: DatabaseServer;
let database: TestDatabase;
let orm: OpenOrm;
let encryption: EncryptionSubscriber;
let logged: string[];

beforeAll(async () => {
  server = await startDatabases('sqlite');
});
afterAll(async () => await server.stop());

beforeEach(async () => {
  database = await server.create();
  logged = [];
  encryption = new EncryptionSubscriber();
  orm = await openOrm(database, contractEntities('sqlite', columns), (line) => logged.push(line), encryption);
  const em = orm.em.fork();
  em.create(Organization, { id: 'acme', name: 'Acme', signingKey: 'signs' });
  em.create(Organization, { id: 'globex', name: 'Globex' });
  em.create(Connection, { id: 1, organization: 'acme', ...VALUES });
  await em.flush();
  logged.length = 0;
});
afterEach(async () => {
  await orm.close();
  await database.close();
});

function writes(): string[] {
  return logged.filter((line) => /\b(insert|update|delete)\b/i.test(line));
}

async function storedToken(id = 1): Promise<string> {
  return (await database.rows<{ bot_token: string }>(`SELECT bot_token FROM connections WHERE id = ${id}`))[0]!.bot_token;
}

describe('the unit of work', () => {
  test('[T1] a flush of what was not changed writes nothing: after a find, after an insert, after an update, after a refresh', async () => {
    const em = orm.em.fork();
    const connection = await em.findOneOrFail(Connection, { id: 1 }, { populate: ['organization'] });
    await em.flush();
    connection.botToken = 'token-1';
    connection.certificate = Buffer.from([1, 2]);
    connection.settings = { a: { b: [1] } };
    await em.flush();
    await em.refresh(connection);
    await em.flush();
    expect(writes()).toEqual([]);
    connection.botToken = 'new';
    const made = em.create(Connection, { id: 2, organization: 'globex', ...VALUES });
    await em.flush();
    const before = writes().length;
    await em.flush();
    await em.refresh(made);
    await em.populate(made, ['organization']);
    await em.flush();
    expect(writes()).toHaveLength(before);
    expect(made).toMatchObject({ botToken: 'token-1', settings: { a: { b: [1] } } });
    // What was not changed is not in the statement either.
    expect(writes().filter((line) => line.includes('update') && line.includes('bot_token'))).toHaveLength(1);
    expect(writes().join('\n')).not.toContain('`settings` =');
  });

  test('a value that is changed in its place is written', async () => {
    const em = orm.em.fork();
    const connection = await em.findOneOrFail(Connection, { id: 1 });
    (connection.settings as { a: { b: number[] } }).a.b.push(2);
    connection.certificate![0] = 9;
    await em.flush();
    const again = await orm.em.fork().findOneOrFail(Connection, { id: 1 });
    expect(again.settings).toEqual({ a: { b: [1, 2] } });
    expect([...again.certificate!]).toEqual([9, 2]);
    await em.flush();
    expect(writes().filter((line) => line.includes('update'))).toHaveLength(1);
  });

  test('after a flush the entity holds values, and what MikroORM holds of it prints as nothing', async () => {
    const em = orm.em.fork();
    const connection = em.create(Connection, { id: 2, organization: 'acme', ...VALUES, botToken: 'canary-7f' });
    await em.flush();
    expect(connection.botToken).toBe('canary-7f');
    const snapshot = helper(connection).__originalEntityData as Record<string, unknown>;
    expect(inspect(snapshot, { depth: 9, showHidden: true })).not.toMatch(/canary|lfv1/);
    expect(() => JSON.stringify(snapshot)).toThrow(/was on its way to the database without being encrypted/);
    // The entity itself is the application's: it says what is hidden.
    expect(wrap(connection).toPOJO()).toMatchObject({ botToken: 'canary-7f' });
  });

  test('[T5] an entity prints without its values, as MikroORM does in messages of its errors', async () => {
    const required = new EntitySchema<{ id: number; name: string; token: string; keys?: { inner: string } }>({
      name: 'Required',
      properties: { id: { type: 'number', primary: true }, name: { type: 'string' }, token: { type: encryptedType(column(ring, { id: 'required.token' })) }, keys: { kind: 'embedded', entity: () => inner as never, nullable: true } },
    });
    const inner: EntitySchema = new EntitySchema({ name: 'Keys', embeddable: true, properties: { inner: { type: encryptedType(column(ring, { id: 'required.inner' })) } } } as never);
    const other = await MikroORM.init({ entities: [inner, required], dbName: ':memory:', hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber()] });
    await other.schema.create();
    const em = other.em.fork();
    em.create(required, { id: 1, token: 'canary-token', keys: { inner: 'canary-inner' } } as never);
    const failure = await em.flush().then(() => undefined, (error: unknown) => error);
    expect(String(failure)).toMatch(/Required\.name is required/);
    expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('canary');
    expect(inspect(failure)).toContain('[value of required.token]');
    await other.close();
    // The entity itself has them, and the one without a value shows that.
    const [connection] = await orm.em.fork().find(Connection, {});
    expect(inspect(connection)).toMatch(/botToken: \[value of connections.bot_token\]/);
    expect(connection).toMatchObject(VALUES);
  });

  test('SQL as a new value is refused', async () => {
    for (const property of ['botToken', 'recoveryCode'] as const) {
      const em = orm.em.fork();
      const connection = await em.findOneOrFail(Connection, { id: 1 });
      Object.assign(connection, { [property]: raw("'canary-raw'") });
      expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'usage' });
    }
    expect(writes()).toEqual([]);
  });

  test('assign, and null', async () => {
    const em = orm.em.fork();
    const connection = await em.findOneOrFail(Connection, { id: 1 });
    em.assign(connection, { botToken: null, settings: { c: 1 } });
    await em.flush();
    const again = await orm.em.fork().findOneOrFail(Connection, { id: 1 });
    expect(again).toMatchObject({ botToken: null, settings: { c: 1 }, recoveryCode: 'code-1' });
    expect(await storedToken()).toBeNull();
  });

  test('what the result cache of MikroORM gives is values, as it holds them: the guide says so', async () => {
    for (let i = 0; i < 2; i++) expect(await orm.em.fork().find(Connection, {}, { cache: 10_000 })).toMatchObject([VALUES]);
  });

  test('a flush that fails leaves the entity as it is, and can be done again', async () => {
    const em = orm.em.fork();
    const connection = em.create(Connection, { id: 1, organization: 'acme', botToken: 'second' });
    await expect(em.flush()).rejects.toThrow(/UNIQUE/);
    expect(connection.botToken).toBe('second');
    connection.id = 5;
    await em.flush();
    expect(columns.botToken.decrypt(await storedToken(5), { org_id: 'acme' })).toBe('second');
  });
});

describe('[B4] what a value is bound to', () => {
  test('a change of it is refused, and with moveValues the values go along; only once', async () => {
    const em = orm.em.fork();
    const connection = await em.findOneOrFail(Connection, { id: 1 });
    connection.organization = em.getReference(Organization, 'globex');
    expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'invalid-context', hint: expect.stringContaining('moveValues') });
    expect(columns.botToken.decrypt(await storedToken(), { org_id: 'acme' })).toBe('token-1');
    encryption.moveValues(connection);
    await em.flush();
    expect(columns.botToken.decrypt(await storedToken(), { org_id: 'globex' })).toBe('token-1');
    expect(await orm.em.fork().findOneOrFail(Connection, { id: 1 })).toMatchObject(VALUES);
    connection.organization = em.getReference(Organization, 'acme');
    expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'invalid-context' });
  });

  test('partial loading: without the context it is refused, with it the value comes; a change of the context wants all values loaded', async () => {
    expect(await refusalOf(async () => await orm.em.fork().findOne(Connection, { id: 1 }, { fields: ['botToken'] }))).toMatchObject({ code: 'invalid-context', hint: expect.stringContaining('organization') });
    expect((await orm.em.fork().findOneOrFail(Connection, { id: 1 }, { fields: ['recoveryCode'] })).recoveryCode).toBe('code-1');
    const em = orm.em.fork();
    const connection = await em.findOneOrFail(Connection, { id: 1 }, { fields: ['organization', 'botToken'] });
    expect(connection.botToken).toBe('token-1');
    (connection as Connection).organization = em.getReference(Organization, 'globex');
    encryption.moveValues(connection);
    expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'invalid-context', hint: expect.stringContaining('load') });
  });

  test('a reference that was not loaded does not know its place', async () => {
    const em = orm.em.fork();
    em.getReference(Connection, 1).botToken = 'x';
    expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'invalid-context' });
  });

  test('relations, read in one statement or in two, and read again into entities that are there', async () => {
    for (const strategy of ['joined', 'select-in'] as const) {
      const em = orm.em.fork();
      const organization = await em.findOneOrFail(Organization, { id: 'acme' }, { populate: ['connections'], strategy });
      expect(organization.connections[0]).toMatchObject(VALUES);
      const [connection] = await em.find(Connection, {}, { populate: ['organization'], strategy });
      expect(connection!.organization.signingKey).toBe('signs');
      await em.find(Connection, {}, { refresh: true });
      await em.flush();
      expect(connection).toMatchObject(VALUES);
    }
    expect(writes()).toEqual([]);
  });
});

describe('what goes past the unit of work is refused, and the database is not asked', () => {
  const data = { id: 9, organization: 'acme', botToken: 'canary-9' };
  test.for<[string, (em: OpenOrm['em']) => Promise<unknown>]>([
    ['nativeUpdate', async (em) => await em.nativeUpdate(Connection, { id: 1 }, { botToken: 'canary-9' })],
    ['insert', async (em) => await em.insert(Connection, data)],
    ['insertMany', async (em) => await em.insertMany(Connection, [data, { ...data, id: 10 }])],
    ['insert of an entity', async (em) => await em.insert(em.create(Connection, data, { persist: false }))],
    ['upsert', async (em) => await em.upsert(Connection, data)],
    ['upsertMany', async (em) => await em.upsertMany(Connection, [data, { ...data, id: 10 }])],
    ['upsert of an entity', async (em) => await em.upsert(em.create(Connection, data, { persist: false }))],
    ['a query builder that inserts', async (em) => await em.createQueryBuilder(Connection).insert(data).execute()],
    ['a query builder that merges', async (em) => await em.createQueryBuilder(Connection).insert({ id: 1, organization: 'acme' }).onConflict('id').merge({ botToken: 'canary-9' }).execute()],
    ['a query builder that updates', async (em) => await em.createQueryBuilder(Connection).update({ botToken: 'canary-9' }).where({ id: 1 }).execute()],
    ['a query builder that asks', async (em) => await em.createQueryBuilder(Connection).where({ botToken: 'canary-9' }).getResult()],
    ['a query builder that orders', async (em) => await em.createQueryBuilder(Connection).orderBy({ botToken: 'asc' }).getResult()],
    ['a filter', async (em) => await em.find(Connection, { botToken: 'canary-9' })],
    ['a filter of a value that is bound to nothing', async (em) => await em.find(Connection, { recoveryCode: 'canary-9' })],
    ['a filter with an operator', async (em) => await em.find(Connection, { botToken: { $like: 'canary-9%' } })],
    ['a filter in a list', async (em) => await em.find(Connection, { botToken: ['canary-9'] })],
    ['a filter through a relation', async (em) => await em.find(Organization, { connections: { botToken: 'canary-9' } })],
    ['how many', async (em) => await em.count(Connection, { botToken: 'canary-9' })],
    ['an order', async (em) => await em.find(Connection, {}, { orderBy: { botToken: 'desc' } })],
    ['an order through a relation', async (em) => await em.find(Connection, {}, { orderBy: { organization: { signingKey: 'asc' } } })],
    ['an order of a populated relation', async (em) => await em.find(Organization, {}, { populate: ['connections'], orderBy: { connections: { botToken: 'asc' } } })],
  ])('%s', async ([, action]) => {
    const refusal = await refusalOf(async () => await action(orm.em.fork()));
    expect(refusal).toMatchObject({ code: 'usage', hint: expect.stringMatching(/./) });
    expect(refusal.printed).not.toContain('canary-9');
    expect(logged.join('\n')).not.toContain('canary-9');
    expect(writes()).toEqual([]);
  });

  test('what is bound to nothing is encrypted there, and what the column encrypted for a place is stored', async () => {
    const em = orm.em.fork();
    await em.nativeUpdate(Connection, { id: 1 }, { recoveryCode: 'native' });
    await em.nativeUpdate(Connection, { id: 1, organization: 'acme' }, { botToken: columns.botToken.encrypt('elsewhere', { org_id: 'acme' }) as string });
    await em.nativeUpdate(Connection, { id: 1 }, { settings: null });
    expect(await em.findOneOrFail(Connection, { id: 1 })).toMatchObject({ recoveryCode: 'native', botToken: 'elsewhere', settings: null });
    await em.createQueryBuilder(Organization).insert({ id: 'acme', name: 'Acme', signingKey: 'inserted' }).onConflict('id').merge({ signingKey: 'merged' }).execute();
    await em.createQueryBuilder(Organization).insert({ id: 'globex', name: 'Globex', signingKey: 'inserted' }).onConflict('id').merge(['signingKey']).execute();
    expect((await em.find(Organization, {})).map(({ signingKey }) => signingKey)).toEqual(['merged', 'inserted']);
    expect(logged.join('\n')).not.toMatch(/'(?:merged|inserted|native|elsewhere)'/);
    expect(await em.find(Connection, { botToken: { $ne: null } })).toHaveLength(1);
    expect(await em.find(Connection, { settings: null })).toHaveLength(1);
  });

  test('a query builder gives entities decrypted, and rows as they are', async () => {
    const em = orm.em.fork();
    expect(await em.createQueryBuilder(Connection).where({ id: 1 }).getResult()).toMatchObject([VALUES]);
    const [row] = await em.createQueryBuilder(Connection).select('*').where({ id: 1 }).execute<{ botToken: string }[]>('all');
    expect(row!.botToken).toMatch(/^lfv1\./);
  });
});

describe('a mistake in the program is found before the first statement', () => {
  const id = { type: 'number', primary: true } as const;
  const free = column(ring, { id: 'x.free' });
  test.for<[string, Record<string, unknown>]>([
    ['unique', { free: { type: encryptedType(free), unique: true } }],
    ['indexed', { free: { type: encryptedType(free), index: true } }],
    ['a default', { free: { type: encryptedType(free), default: 'x' } }],
    ['a key', { free: { type: encryptedType(free), primary: true } }],
  ])('%s', async ([, properties]) => {
    const schema = new EntitySchema({ name: 'X', properties: { id, ...properties } });
    expect(await refusalOf(async () => await MikroORM.init({ entities: [schema], dbName: ':memory:' }))).toMatchObject({ code: 'usage' });
  });

  test('a type that can not hold the values; without the hydrator, without the subscriber, with a context that is no property', async () => {
    expect(refusalNow(() => encryptedType(columns.certificate, 'jsonb')).code).toBe('usage');
    expect(refusalNow(() => encryptedType(columns.certificate, 'text')).code).toBe('usage');
    const entities = contractEntities('sqlite', columns);
    const bare = await MikroORM.init({ entities, dbName: database.url });
    expect(await refusalOf(async () => await bare.em.fork().findOne(Connection, { id: 1 }))).toMatchObject({ code: 'usage', hint: expect.stringContaining('EncryptedHydrator') });
    const em = bare.em.fork();
    em.create(Connection, { id: 8, organization: 'acme', botToken: 'canary-8' });
    expect(await refusalOf(async () => await em.flush())).toMatchObject({ code: 'usage', hint: expect.stringContaining('EncryptionSubscriber') });
    await bare.close();
    const lost = new EntitySchema<{ id: number; token: string }>({ name: 'Lost', tableName: 'connections', properties: { id, token: { type: encryptedType(columns.botToken), fieldName: 'bot_token' } } });
    const other = await MikroORM.init({ entities: [lost], dbName: database.url, hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber()] });
    expect(await refusalOf(async () => await other.em.fork().find(lost, {}))).toMatchObject({ code: 'usage', message: expect.stringContaining('org_id') });
    await other.close();
    expect(await database.rows('SELECT id FROM connections')).toHaveLength(1);
  });

  test('a subscriber that comes after ours and changes a value, and a value in embedded JSON: refused at the flush', async () => {
    const late = { beforeCreate: ({ entity }: { entity: unknown }) => void ((entity as Connection).botToken = 'canary-late') };
    const other = await MikroORM.init({ entities: contractEntities('sqlite', columns), dbName: database.url, hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber(), late] });
    const em = other.em.fork();
    em.create(Connection, { id: 8, organization: 'acme' });
    const refusal = await refusalOf(async () => await em.flush());
    expect(refusal).toMatchObject({ code: 'usage', hint: expect.stringContaining('last') });
    expect(refusal.printed).not.toContain('canary-late');
    await other.close();
    const inner = new EntitySchema<{ secret: string }>({ name: 'Inner', embeddable: true, properties: { secret: { type: encryptedType(free) } } });
    const holder = new EntitySchema<{ id: number; inner: { secret: string } }>({ name: 'Holder', properties: { id, inner: { kind: 'embedded', entity: () => inner as never, object: true } } });
    const embedded = await MikroORM.init({ entities: [inner, holder], dbName: ':memory:', hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber()] });
    await embedded.schema.create();
    const work = embedded.em.fork();
    work.create(holder, { id: 1, inner: { secret: 'canary-inner' } });
    const deep = await refusalOf(async () => await work.flush());
    expect(deep.code).toBe('usage');
    expect(deep.printed).not.toContain('canary-inner');
    await embedded.close();
  });

  test('the SQL type of a schema that MikroORM generates', async () => {
    const made = await MikroORM.init({ entities: contractEntities('sqlite', columns), dbName: ':memory:', hydrator: EncryptedHydrator, subscribers: [new EncryptionSubscriber()] });
    const sql = await made.schema.getCreateSchemaSQL();
    expect(sql).toMatch(/`bot_token` text null/);
    expect(sql).toMatch(/`certificate` blob null/);
    await made.close();
  });
});
