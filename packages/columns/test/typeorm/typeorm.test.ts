/** What is TypeORM's own: entities that are saved, builders of queries, and what goes around them. */
import { Brackets, DataSource, EntitySchema, type EntitySubscriberInterface, Equal, ILike, In, IsNull, type Logger, Not, type Repository, type UpdateEvent } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { column } from '@lockfast/columns';
import { ColumnTransformer, encryptChanges, encryptedColumn, protectDataSource } from '@lockfast/columns/typeorm';
import type { KeyRing } from '@lockfast/core/keyring';

import { strictColumns } from '../contract/columns.ts';
import { type DatabaseServer, missingForDatabase, startDatabases, type TestDatabase } from '../contract/databases.ts';
import { refusalOf } from '../contract/refusal.ts';
import type { DatabaseKind } from '../contract/tables.ts';
import { heldRing } from '../held-ring.ts';
import { openSource, optionsOf, partial } from './adapter.ts';
import { type Connection, contractEntities, type Organization } from './entities.ts';

const FULL = { botToken: 'xoxb-17', certificate: Buffer.from([0, 255]), settings: { url: 'https://example.com', list: [1] }, recoveryCode: 'recovery' };
const ROW = { id: 1, orgId: 'acme', label: 'a label', ...FULL };
const SILENT: Logger = { logQuery: noLog, logQueryError: noLog, logQuerySlow: noLog, logSchemaBuild: noLog, logMigration: noLog, log: noLog };
const KINDS: readonly DatabaseKind[] = ['postgres', 'mariadb', 'sqlite'];

describe.each(KINDS)('TypeORM on %s', (kind) => {
  const missing = missingForDatabase(kind);
  let server: DatabaseServer;
  let database: TestDatabase;
  let ring: KeyRing;
  let source: DataSource;
  let connections: Repository<Connection>;
  let organizations: Repository<Organization>;
  let logged: string[];

  beforeAll(async () => {
    ring = await heldRing('test');
    if (missing === undefined) server = await startDatabases(kind);
  }, 60_000);

  afterAll(async () => {
    if (missing === undefined) await server.stop();
  }, 30_000);

  beforeEach(async (context) => {
    context.skip(missing !== undefined, missing);
    database = await server.create();
    logged = [];
    const opened = await openSource(database, strictColumns(ring), (line) => logged.push(line));
    source = opened.source;
    connections = source.getRepository(opened.entities.connections);
    organizations = source.getRepository(opened.entities.organizations);
    await organizations.insert([{ id: 'acme', name: 'Acme' }, { id: 'globex', name: 'Globex' }]);
    await connections.insert(partial({ ...ROW }));
    logged.length = 0;
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    await source.destroy();
    await database.close();
  });

  const updates = (): string[] => logged.filter((line) => /^(query: )?\s*UPDATE/.test(line));
  const stored = async (): Promise<Record<string, unknown>> => (await database.rows<Record<string, unknown>>('SELECT * FROM connections WHERE id = 1'))[0]!;

  /** All that is in the encrypted columns, and is not NULL. */
  async function expectOnlyEncrypted(): Promise<void> {
    const columns = strictColumns(ring);
    for (const row of await database.rows<Record<string, unknown>>('SELECT * FROM connections')) {
      for (const [name, one] of [['bot_token', columns.botToken], ['certificate', columns.certificate], ['settings', columns.settings], ['recovery_code', columns.recoveryCode]] as const) {
        if (row[name] !== null) expect(one.isEncrypted(row[name]), name).toBe(true);
      }
    }
  }

  describe('save', () => {
    test('[T1] an unchanged entity is not written: the new nonce is no change', async () => {
      const before = await stored();
      const entity = await connections.findOneByOrFail({ id: 1 });
      for (let i = 0; i < 3; i++) await connections.save(entity);
      await connections.save({ ...ROW });
      expect(updates()).toEqual([]);
      expect(await stored()).toEqual(before);
      entity.label = 'another';
      await connections.save(entity);
      expect(updates()).toHaveLength(1);
      expect(updates()[0]).not.toMatch(/bot_token|certificate|settings|recovery_code/);
      expect(await stored()).toEqual({ ...before, label: 'another' });
    });

    test('a changed value is written, alone, and the entity holds plain values before and after', async () => {
      const before = await stored();
      const entity = await connections.findOneByOrFail({ id: 1 });
      entity.botToken = 'new';
      entity.recoveryCode = 'new recovery';
      const saved = await connections.save(entity);
      expect(saved).toBe(entity);
      expect(saved).toMatchObject({ ...ROW, botToken: 'new', recoveryCode: 'new recovery' });
      expect(updates()).toHaveLength(1);
      expect(await stored()).toMatchObject({ certificate: before['certificate'], settings: before['settings'] });
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ botToken: 'new', recoveryCode: 'new recovery' });
      entity.settings = { url: 'elsewhere' };
      entity.certificate = null;
      await connections.save(entity);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ settings: { url: 'elsewhere' }, certificate: null });
      await expectOnlyEncrypted();
    });

    test('a part of an entity is enough: the database says what the value is bound to', async () => {
      await connections.save({ id: 1, botToken: 'from a part' });
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, botToken: 'from a part' });
      await expectOnlyEncrypted();
    });

    test('[B4] an entity that moves is encrypted anew, all that is bound; a part of one is refused', async () => {
      const entity = await connections.findOneByOrFail({ id: 1 });
      entity.orgId = 'globex';
      await connections.save(entity);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, orgId: 'globex' });
      expect(await refusalOf(() => connections.save({ id: 1, orgId: 'acme', botToken: 'only one' }))).toMatchObject({ code: 'invalid-context' });
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, orgId: 'globex' });
      // Through the relation, too.
      const again = await connections.findOneOrFail({ where: { id: 1 }, relations: { organization: true } });
      again.organization = await organizations.findOneByOrFail({ id: 'acme' });
      await connections.save(again);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject(ROW);
      await expectOnlyEncrypted();
    });

    test('[B4] from the other side of the relation a connection is not moved without its values', async () => {
      const globex = await organizations.findOneByOrFail({ id: 'globex' });
      globex.connections = [await connections.findOneByOrFail({ id: 1 })];
      expect(await refusalOf(() => organizations.save(globex))).toMatchObject({ code: 'invalid-context' });
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject(ROW);
    });

    test('an entity whose save failed holds plain values, and can be saved again', async () => {
      const entity = await connections.findOneByOrFail({ id: 1 });
      Object.assign(entity, { orgId: 'nowhere', botToken: 'second try' });
      await expect(connections.save(entity)).rejects.toThrow(/foreign key/i);
      expect(entity).toMatchObject({ ...FULL, orgId: 'nowhere', botToken: 'second try' });
      entity.orgId = 'globex';
      await connections.save(entity);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, orgId: 'globex', botToken: 'second try' });
    });

    test('subscribers see plain values, and may change them; without listeners a save that does not say the place is refused', async () => {
      const seen: unknown[] = [];
      const other = new DataSource({ ...optionsOf(database), entities: Object.values(contractEntities(strictColumns(ring), kind)) });
      await other.initialize();
      try {
        other.subscribers.push({
          afterLoad: (entity: Connection) => void seen.push(entity.botToken),
          beforeUpdate: ({ entity }: UpdateEvent<Connection>) => void Object.assign(entity!, { botToken: 'by a subscriber' }),
        } as EntitySubscriberInterface);
        protectDataSource(other);
        const repository = other.getRepository<Connection>('Connection');
        await repository.save({ id: 1, label: 'x' });
        expect(seen).toEqual([FULL.botToken]);
        expect((await connections.findOneByOrFail({ id: 1 })).botToken).toBe('by a subscriber');
        expect(await refusalOf(() => repository.save({ id: 1, botToken: 'canary-x' }, { listeners: false }))).toMatchObject({ code: 'invalid-context' });
      } finally {
        await other.destroy();
      }
    });

    test('equal values are encrypted differently in each row', async () => {
      await connections.save([2, 3, 4].map((id) => ({ ...ROW, id })));
      const rows = await database.rows<{ bot_token: string; recovery_code: string }>('SELECT bot_token, recovery_code FROM connections');
      expect(new Set(rows.flatMap((row) => [row.bot_token, row.recovery_code])).size).toBe(8);
    });

    test('cascades from an organization insert and update connections', async () => {
      await organizations.save({ id: 'initech', name: 'Initech', signingKey: 'signs', connections: [{ id: 5, ...FULL } as Partial<Connection> as Connection] });
      const found = await organizations.findOneOrFail({ where: { id: 'initech' }, relations: { connections: true } });
      expect(found).toMatchObject({ signingKey: 'signs', connections: [{ id: 5, orgId: 'initech', ...FULL }] });
      found.connections![0]!.botToken = 'by cascade';
      logged.length = 0;
      await organizations.save(found);
      expect(updates()).toHaveLength(1);
      expect(await connections.findOneByOrFail({ id: 5 })).toMatchObject({ orgId: 'initech', ...FULL, botToken: 'by cascade' });
      await expectOnlyEncrypted();
    });
  });

  describe('writes past entities', () => {
    test('upsert encrypts on both of its ways', async () => {
      await connections.upsert(partial({ ...ROW, botToken: 'changed' }), ['id']);
      await connections.upsert(partial({ ...ROW, id: 2, orgId: 'globex' }), ['id']);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, botToken: 'changed' });
      expect(await connections.findOneByOrFail({ id: 2 })).toMatchObject({ ...ROW, id: 2, orgId: 'globex' });
      // The row is there, and moves with all of its values.
      await connections.upsert(partial({ ...ROW, orgId: 'globex' }), ['id']);
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, orgId: 'globex' });
      await expectOnlyEncrypted();
    });

    test('[B4] an upsert that may part values from what they are bound to is refused', async () => {
      expect(await refusalOf(() => connections.upsert(partial({ id: 1, orgId: 'globex', botToken: 'alone' }), ['id']))).toMatchObject({ code: 'invalid-context' });
      const insert = connections.createQueryBuilder().insert().values(partial({ ...ROW }));
      expect(await refusalOf(() => insert.orUpdate(['bot_token'], ['id']).execute())).toMatchObject({ code: 'invalid-context' });
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject(ROW);
    });

    test('the builder of queries encrypts what it inserts and sets, with listeners and without', async () => {
      for (const [id, listeners] of [[2, true], [3, false]] as const) {
        await connections.createQueryBuilder().insert().values(partial({ ...ROW, id })).callListeners(listeners).execute();
        await connections.createQueryBuilder().update().set(partial({ recoveryCode: 'set', ...encryptChanges(connections, { botToken: 'set' }, { orgId: 'acme' }) })).where({ id }).callListeners(listeners).execute();
        expect(await connections.findOneByOrFail({ id })).toMatchObject({ ...ROW, id, botToken: 'set', recoveryCode: 'set' });
      }
      await source.createQueryBuilder().insert().into('connections').values({ ...ROW, id: 4 }).execute();
      expect(await connections.findOneByOrFail({ id: 4 })).toMatchObject({ ...ROW, id: 4 });
      await expectOnlyEncrypted();
    });

    test('[B4] an update that does not say what the value is bound to is refused, and so is one that moves a row without its values', async () => {
      const before = await stored();
      for (const listeners of [true, false]) {
        const update = (changes: object) => async (): Promise<unknown> => await connections.createQueryBuilder().update().set(partial(changes)).where({ id: 1 }).callListeners(listeners).execute();
        for (const changes of [{ botToken: 'canary-x' }, { orgId: 'globex' }, { organization: { id: 'globex' } }, { organization: 'globex' }, { orgId: 'globex', botToken: 'canary-x' }]) {
          const refusal = await refusalOf(update(changes));
          expect(refusal.code).toBe('invalid-context');
          expect(refusal.printed).not.toContain('canary-x');
        }
        const encrypted = encryptChanges(connections, { botToken: 'x', certificate: null, settings: null }, { orgId: 'acme' });
        expect(await refusalOf(update({ ...encrypted, orgId: 'globex' }))).toMatchObject({ code: 'invalid-context' });
      }
      expect(await refusalOf(() => connections.createQueryBuilder().relation('organization').of({ id: 1 }).set('globex'))).toMatchObject({ code: 'invalid-context' });
      expect(await stored()).toEqual(before);
    });

    test('SQL as a value is refused: increments, expressions, rows of a SELECT, tables by their name', async () => {
      const before = await stored();
      expect(await refusalOf(() => connections.increment({ id: 1 }, 'botToken', 1))).toMatchObject({ code: 'usage' });
      for (const listeners of [true, false]) {
        expect(await refusalOf(() => connections.createQueryBuilder().update().set({ botToken: () => "'canary'" }).where({ id: 1 }).callListeners(listeners).execute())).toMatchObject({ code: 'usage' });
        expect(await refusalOf(() => connections.createQueryBuilder().insert().values({ id: 2, orgId: 'acme', botToken: () => "'canary'" }).callListeners(listeners).execute())).toMatchObject({ code: 'usage' });
      }
      const copy = connections.createQueryBuilder('c').select(['c.id + 10', 'c.orgId', 'c.label']);
      expect(await refusalOf(() => connections.createQueryBuilder().insert().into('Connection', ['id', 'orgId', 'botToken']).valuesFromSelect(copy).execute())).toMatchObject({ code: 'usage' });
      if (kind === 'postgres') expect(await refusalOf(() => source.createQueryBuilder().insert().into('public.connections').values({ id: 2, org_id: 'acme', bot_token: 'canary' }).execute())).toMatchObject({ code: 'usage' });
      expect(await stored()).toEqual(before);
      await expectOnlyEncrypted();
    });

    test('[B4] a clone of a builder is looked at as the builder is', async () => {
      const before = await stored();
      const builder = connections.createQueryBuilder();
      for (const clone of [builder.clone().update().set({ orgId: 'globex' }).where({ id: 1 }), builder.update().set({ orgId: 'globex' }).where({ id: 1 }).clone(), builder.clone().clone().insert().values(partial({ ...ROW })).orUpdate(['bot_token'], ['id']).clone()]) {
        expect(await refusalOf(() => clone.execute())).toMatchObject({ code: 'invalid-context' });
      }
      expect(await refusalOf(() => connections.createQueryBuilder('c').clone().setFindOptions({ order: { botToken: 'ASC' } }).getMany())).toMatchObject({ code: 'usage' });
      await builder.clone().update().set(encryptChanges(connections, { botToken: 'by a clone' }, { orgId: 'acme' })).where({ id: 1, orgId: 'acme' }).clone().execute();
      expect(await connections.findOneByOrFail({ id: 1 })).toMatchObject({ ...ROW, botToken: 'by a clone' });
      expect(await stored()).toMatchObject({ certificate: before['certificate'], org_id: 'acme' });
    });

    test('what a write returns is decrypted where its place is returned, too, in entities as well', async (context) => {
      context.skip(kind === 'sqlite', 'TypeORM has no RETURNING there');
      const row = partial({ ...ROW, id: 2 });
      const inserted = await connections.createQueryBuilder().insert().values(row).returning('*').execute();
      expect(inserted.generatedMaps[0]).toMatchObject({ ...FULL, id: 2, orgId: 'acme' });
      expect(row).toMatchObject({ ...FULL, id: 2 });
      const part = await connections.createQueryBuilder().insert().values(partial({ ...ROW, id: 3 })).returning(['id', 'botToken', 'recoveryCode']).updateEntity(false).execute();
      expect(JSON.stringify(part.generatedMaps)).not.toMatch(/lfv1|gAAAA/);
      if (kind !== 'postgres') return;
      const entity = await connections.findOneByOrFail({ id: 2 });
      await connections.createQueryBuilder().update().set({ label: 'x' }).whereEntity(entity).returning('*').updateEntity(true).execute();
      expect(entity).toMatchObject({ ...ROW, id: 2, label: 'x' });
      logged.length = 0;
      await connections.save(entity);
      expect(updates()).toEqual([]);
    });

    test('a value that was encrypted for another column is refused', async () => {
      const { botToken } = encryptChanges(connections, { botToken: 'x' }, { orgId: 'acme' });
      expect(await refusalOf(() => connections.update({ id: 1 }, partial({ recoveryCode: botToken })))).toMatchObject({ code: 'usage' });
      expect(await refusalOf(() => connections.insert(partial({ id: 2, orgId: 'acme', settings: botToken })))).toMatchObject({ code: 'usage' });
    });
  });

  describe('reads', () => {
    test('joins and both ways to load relations decrypt; raw rows hold what is stored', async () => {
      const joined = await organizations.createQueryBuilder('o').leftJoinAndSelect('o.connections', 'c').where('o.id = :id', { id: 'acme' }).getOneOrFail();
      expect(joined.connections).toMatchObject([ROW]);
      for (const relationLoadStrategy of ['join', 'query'] as const) {
        const found = await connections.findOneOrFail({ where: { id: 1 }, relations: { organization: { connections: true } }, relationLoadStrategy });
        expect(found.organization!.connections).toMatchObject([ROW]);
      }
      const [raw] = await connections.createQueryBuilder('c').getRawMany<Record<string, unknown>>();
      expect(raw!['c_bot_token']).toMatch(/^lfv1\./);
    });

    test('a select without what the value is bound to is refused, one without the value is not', async () => {
      expect(await refusalOf(() => connections.find({ select: { botToken: true } }))).toMatchObject({ code: 'invalid-context' });
      expect(await connections.find({ select: { botToken: true, orgId: true } })).toMatchObject([{ botToken: FULL.botToken }]);
      expect(await connections.find({ select: { label: true, recoveryCode: true } })).toMatchObject([{ label: 'a label', recoveryCode: 'recovery' }]);
    });

    test('in what leftJoinAndMapMany puts beside the relations, bound values stay encrypted: the guide says so', async () => {
      const [found] = await organizations.createQueryBuilder('o').leftJoinAndMapMany('o.others', 'o.connections', 'c').where('o.id = :id', { id: 'acme' }).getMany();
      const [other] = (found as unknown as { others: Connection[] }).others;
      expect(String(other!.botToken)).toBe('[encrypted connections.bot_token]');
      expect(other!.recoveryCode).toBe('recovery');
    });

    test('without listeners, a bound value stays encrypted, and prints as that', async () => {
      const entity = await connections.createQueryBuilder('c').callListeners(false).getOneOrFail();
      expect(String(entity.botToken)).toBe('[encrypted connections.bot_token]');
      expect(JSON.stringify(entity)).not.toContain(FULL.botToken);
    });

    test('every condition and order over an encrypted column is refused, before the database sees it', async () => {
      const value = 'canary-sought';
      const conditions: readonly unknown[] = [value, In([value, 'b']), Not(Equal(value)), Equal(value), ILike(`${value}%`), Not(In([value]))];
      for (const condition of conditions) {
        const where = partial({ botToken: condition }) as never;
        for (const question of [
          () => connections.findBy(where),
          () => connections.findOne({ where: [{ id: 1 }, where] }),
          () => connections.countBy(where),
          () => connections.existsBy(where),
          () => organizations.findBy({ connections: where }),
          () => connections.update(where, { label: 'x' }),
          () => connections.delete(where),
          () => connections.createQueryBuilder('c').where(where).getMany(),
          () => connections.createQueryBuilder('c').where(new Brackets((inner) => inner.where(where))).getMany(),
        ]) {
          const refusal = await refusalOf(question);
          expect(refusal.code).toBe('usage');
          expect(refusal.printed).not.toContain(value);
        }
      }
      expect(await refusalOf(() => connections.findBy({ recoveryCode: value }))).toMatchObject({ code: 'usage' });
      expect(await refusalOf(() => organizations.find({ order: { connections: { botToken: 'DESC' } } }))).toMatchObject({ code: 'usage' });
      expect(logged.join('\n')).not.toContain(value);
      expect(await connections.findBy({ botToken: Not(IsNull()) })).toMatchObject([ROW]);
      expect(await connections.findBy({ certificate: IsNull() })).toEqual([]);
      expect(await connections.createQueryBuilder('c').where({ botToken: Not(IsNull()) }).getMany()).toMatchObject([ROW]);
    });
  });

  test('columns within embedded objects, JSON types, softly deleted rows: all as elsewhere', async () => {
    interface Thing {
      id: number;
      tenant: string;
      document: unknown;
      keys: { api: string | null; bound: string | null };
      deletedAt: Date | null;
    }
    const { text, json, time } = { postgres: { text: 'text', json: 'jsonb', time: 'timestamp' }, mariadb: { text: 'text', json: 'json', time: 'datetime' }, sqlite: { text: 'text', json: 'json', time: 'datetime' } }[kind] as { text: 'text'; json: 'json'; time: 'timestamp' };
    const [document, api, bound] = [column(ring, { id: 'things.document', as: 'json', context: ['tenant'] }), column(ring, { id: 'things.api' }), column(ring, { id: 'things.bound', context: ['tenant'] })];
    const keys = new EntitySchema<Thing['keys']>({ name: 'Keys', columns: { api: { ...encryptedColumn(api, text), nullable: true }, bound: { ...encryptedColumn(bound, text), nullable: true } } });
    const things = new EntitySchema<Thing>({
      name: 'Thing',
      columns: { id: { type: Number, primary: true }, tenant: { type: String }, document: { ...encryptedColumn(document, json), nullable: true }, deletedAt: { type: time, deleteDate: true, nullable: true } },
      embeddeds: { keys: { schema: keys } },
    });
    const other = new DataSource({ ...optionsOf(database), entities: [things], synchronize: true, logging: ['query'], logger: { ...SILENT, logQuery: (sql: string) => logged.push(sql) } });
    await other.initialize();
    try {
      protectDataSource(other);
      const repository = other.getRepository(things);
      const thing = { id: 1, tenant: 'acme', document: { a: [1, 'x'] }, keys: { api: 'api key', bound: 'bound key' } };
      await repository.save(structuredClone(thing));
      const rows = await database.rows<Record<string, unknown>>(kind === 'postgres' ? 'SELECT document, "keysApi", "keysBound" FROM thing' : 'SELECT document, keysApi, keysBound FROM thing');
      for (const value of Object.values(rows[0]!)) expect(String(value)).toMatch(/^"?lfv1\.[^"]*"?$/);
      const found = await repository.findOneByOrFail({ id: 1 });
      expect(found).toMatchObject(thing);
      logged.length = 0;
      await repository.save(found);
      expect(updates()).toEqual([]);
      found.keys.bound = 'another';
      found.document = 'a text';
      await repository.save(found);
      expect(await repository.findOneByOrFail({ id: 1 })).toMatchObject({ document: 'a text', keys: { api: 'api key', bound: 'another' } });
      expect(await refusalOf(() => repository.findBy({ keys: { bound: 'another' } }))).toMatchObject({ code: 'usage' });
      await repository.softDelete({ id: 1 });
      expect(await repository.find()).toEqual([]);
      expect(await repository.find({ withDeleted: true })).toMatchObject([{ keys: { bound: 'another' } }]);
      await repository.restore({ id: 1 });
      await repository.softRemove(await repository.findOneByOrFail({ id: 1 }));
      await repository.recover((await repository.find({ withDeleted: true }))[0]!);
      const changes = { keys: { bound: 'by criteria' } };
      await repository.update({ id: 1 }, encryptChanges(repository, changes, { tenant: 'acme' }));
      expect(changes).toEqual({ keys: { bound: 'by criteria' } });
      expect(await repository.find()).toMatchObject([{ document: 'a text', keys: { api: 'api key', bound: 'by criteria' } }]);
    } finally {
      await other.destroy();
    }
  });

  test('[D2] a data source that nobody protected stores nothing and compares nothing', async () => {
    const before = await stored();
    const bare = new DataSource({ ...optionsOf(database), entities: Object.values(contractEntities(strictColumns(ring), kind)) });
    await bare.initialize();
    try {
      const repository = bare.getRepository<Connection>('Connection');
      for (const write of [
        () => repository.save({ ...ROW, id: 2 }),
        () => repository.insert(partial({ ...ROW, id: 2 })),
        () => repository.update({ id: 1 }, { botToken: 'canary' }),
        () => repository.update({ id: 1 }, { recoveryCode: 'canary' }),
        () => repository.update({ id: 1 }, partial({ settings: { canary: true } })),
        () => repository.update({ id: 1 }, { certificate: Buffer.from('canary') }),
        () => repository.findBy({ settings: Equal('canary') }),
        () => repository.upsert(partial({ ...ROW, botToken: 'canary' }), ['id']),
        () => repository.findBy({ botToken: 'canary' }),
      ]) await expect(write()).rejects.toThrow();
      expect(String((await repository.findOneByOrFail({ id: 1 })).botToken)).toBe('[encrypted connections.bot_token]');
    } finally {
      await bare.destroy();
    }
    expect(await stored()).toEqual(before);
    expect(await database.rows('SELECT id FROM connections')).toHaveLength(1);
  });
});

describe('at the start', () => {
  let ring: KeyRing;
  beforeAll(async () => {
    ring = await heldRing('test');
  });

  async function protectedWith(columns: object, more: object = {}): Promise<DataSource> {
    const entity = new EntitySchema({ name: 'Thing', tableName: 'things', columns: { id: { type: Number, primary: true }, ...columns }, ...more });
    const source = new DataSource({ type: 'better-sqlite3', database: ':memory:', entities: [entity] });
    await source.initialize();
    try {
      protectDataSource(source);
    } finally {
      await source.destroy();
    }
    return source;
  }

  test('what can not be encrypted is refused', async () => {
    const token = column(ring, { id: 'things.token' });
    const bound = column(ring, { id: 'things.bound', context: ['org_id'] });
    const options = encryptedColumn(token, 'text');
    const refused: readonly (readonly [object, object?])[] = [
      [{ token: { ...options, unique: true } }],
      [{ token: { ...options, default: 'x' } }],
      [{ token: { ...options, primary: true } }],
      [{ token: { ...options, transformer: [new ColumnTransformer(token, false), { to: (value: unknown) => value, from: (value: unknown) => value }] } }],
      [{ token: options }, { indices: [{ columns: ['token'], unique: true }] }],
      [{ bound: encryptedColumn(bound, 'text') }],
      [{ bound: encryptedColumn(bound, 'text'), orgId: { type: String, name: 'org_id', transformer: { to: (value: unknown) => value, from: (value: unknown) => value } } }],
    ];
    for (const [columns, more] of refused) {
      const refusal = await refusalOf(() => protectedWith(columns, more));
      expect(refusal.code).toBe('usage');
      expect(refusal.hint).not.toBe('');
    }
    await protectedWith({ token: options, bound: encryptedColumn(bound, 'text'), orgId: { type: String, name: 'org_id' } });
  });

  test('a type that can not hold the values is refused', async () => {
    const bytes = column(ring, { id: 'things.bytes', as: 'bytes', storage: 'binary' });
    expect(await refusalOf(() => Promise.resolve(encryptedColumn(bytes, 'jsonb')))).toMatchObject({ code: 'usage' });
    expect(await refusalOf(() => Promise.resolve(encryptedColumn(bytes, 'varchar')))).toMatchObject({ code: 'usage' });
    expect(await refusalOf(() => Promise.resolve(encryptedColumn(bytes, 'simple-json')))).toMatchObject({ code: 'usage' });
  });

  test('before initialize, and twice, it is refused', async () => {
    const source = new DataSource({ type: 'better-sqlite3', database: ':memory:', entities: [] });
    expect(await refusalOf(async () => protectDataSource(source))).toMatchObject({ code: 'usage' });
    await source.initialize();
    protectDataSource(source);
    expect(await refusalOf(async () => protectDataSource(source))).toMatchObject({ code: 'usage' });
    await source.destroy();
  });
});

function noLog(): void {}
