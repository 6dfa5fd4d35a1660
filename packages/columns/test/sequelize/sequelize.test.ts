/** What is Sequelize's own: instances that are saved, queries without hooks, and what goes around models. */
import { inspect } from 'node:util';

import { col, DataTypes, fn, literal, type Model, type ModelAttributes, Op, Sequelize, where } from 'sequelize';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { column } from '@lockfast/columns';
import { encryptedType, protectSequelize } from '@lockfast/columns/sequelize';
import type { KeyRing } from '@lockfast/core/keyring';

import { strictColumns } from '../contract/columns.ts';
import { type DatabaseServer, missingForDatabase, startDatabases, type TestDatabase } from '../contract/databases.ts';
import { refusalOf } from '../contract/refusal.ts';
import { heldRing } from '../held-ring.ts';
import { openSequelize } from './adapter.ts';
import type { Models } from './models.ts';

const FULL = { botToken: 'xoxb-17', certificate: Buffer.from([0, 255]), settings: { url: 'https://example.com', list: [1] }, recoveryCode: 'recovery' };
const ROW = { id: 1, orgId: 'acme', label: 'a label', ...FULL };

describe.each(['postgres', 'mariadb'] as const)('Sequelize on %s', (kind) => {
  const missing = missingForDatabase(kind);
  let server: DatabaseServer;
  let database: TestDatabase;
  let ring: KeyRing;
  let sequelize: Sequelize;
  let connections: Models['connections'];
  let organizations: Models['organizations'];
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
    const opened = openSequelize(database, strictColumns(ring), (line) => logged.push(line));
    sequelize = opened.sequelize;
    ({ connections, organizations } = opened.models);
    protectSequelize(sequelize);
    await organizations.bulkCreate([{ id: 'acme', name: 'Acme' }, { id: 'globex', name: 'Globex' }]);
    await connections.create({ ...ROW });
    logged.length = 0;
  });

  afterEach(async () => {
    if (missing !== undefined) return;
    await sequelize.close();
    await database.close();
  });

  const updates = (): string[] => logged.filter((line) => line.includes('UPDATE '));
  const stored = async (): Promise<Record<string, unknown>> => (await database.rows<Record<string, unknown>>('SELECT * FROM connections WHERE id = 1'))[0]!;
  const find = async (id = 1): Promise<Model<Record<string, unknown>>> => (await connections.findByPk(id))!;

  /** All that is in the encrypted columns, and is not NULL. */
  async function expectOnlyEncrypted(): Promise<void> {
    const columns = strictColumns(ring);
    for (const row of await database.rows<Record<string, unknown>>('SELECT * FROM connections')) {
      for (const [name, one] of [['bot_token', columns.botToken], ['certificate', columns.certificate], ['settings', columns.settings], ['recovery_code', columns.recoveryCode]] as const) {
        if (row[name] !== null) expect(one.isEncrypted(row[name]), name).toBe(true);
      }
    }
  }

  describe('instances', () => {
    test('[T1] save() of an unchanged instance writes nothing, of a changed one what changed; it holds plain values', async () => {
      const before = await stored();
      const found = await find();
      expect(found.toJSON()).toEqual(ROW);
      expect(found.changed()).toBe(false);
      found.set({ botToken: FULL.botToken, certificate: Buffer.from(FULL.certificate), settings: { ...FULL.settings } });
      await found.save();
      expect(updates()).toEqual([]);
      expect(await stored()).toEqual(before);
      found.set('botToken', 'new');
      await found.save();
      expect(updates()).toHaveLength(1);
      expect(found.toJSON()).toEqual({ ...ROW, botToken: 'new' });
      expect(found.previous('botToken')).toBe('new');
      expect(await stored()).toMatchObject({ certificate: before['certificate'], settings: before['settings'], recovery_code: before['recovery_code'] });
      await found.update({ settings: [2], certificate: null });
      expect((await find()).toJSON()).toEqual({ ...ROW, botToken: 'new', settings: [2], certificate: null });
      await found.reload();
      expect(found.get('settings')).toEqual([2]);
      await expectOnlyEncrypted();
    });

    test('without hooks, everything is encrypted and decrypted as well', async () => {
      const made = await connections.create({ ...ROW, id: 2 }, { hooks: false, returning: true });
      expect(made.toJSON()).toEqual({ ...ROW, id: 2 });
      const bulk = await connections.bulkCreate([{ ...ROW, id: 3 }, { ...ROW, id: 4, orgId: 'globex' }], { hooks: false, returning: true });
      expect(bulk.map((one) => one.toJSON())).toEqual([{ ...ROW, id: 3 }, { ...ROW, id: 4, orgId: 'globex' }]);
      await connections.update({ botToken: 'set' }, { where: { id: 2, orgId: 'acme' }, hooks: false, sideEffects: false, validate: false });
      await made.update({ recoveryCode: 'other' }, { hooks: false });
      const found = await connections.findAll({ where: { id: [2, 3, 4] }, hooks: false, order: ['id'] } as object);
      expect(found.map((one) => one.get('botToken'))).toEqual(['set', FULL.botToken, FULL.botToken]);
      await expectOnlyEncrypted();
    });

    test('[B4] an instance that moves is encrypted anew, all that is bound; a part of one is refused', async () => {
      const found = await find();
      await found.update({ orgId: 'globex' });
      expect((await find()).toJSON()).toEqual({ ...ROW, orgId: 'globex' });
      const part = (await connections.findByPk(1, { attributes: ['id', 'orgId', 'label'] }))!;
      expect(await refusalOf(() => part.update({ orgId: 'acme' }))).toMatchObject({ code: 'invalid-context' });
      expect((await find()).toJSON()).toEqual({ ...ROW, orgId: 'globex' });
      // From the other side, Sequelize updates by criteria.
      const acme = (await organizations.findByPk('acme'))! as Model & { addConnections(ids: number[]): Promise<unknown> };
      expect(await refusalOf(() => acme.addConnections([1]))).toMatchObject({ code: 'invalid-context' });
      expect((await find()).toJSON()).toEqual({ ...ROW, orgId: 'globex' });
      await expectOnlyEncrypted();
    });

    test('a part of an instance is saved where it says what the value is bound to', async () => {
      const part = (await connections.findByPk(1, { attributes: ['id', 'orgId'] }))!;
      await part.update({ botToken: 'from a part' });
      expect((await find()).get('botToken')).toBe('from a part');
      const less = (await connections.findByPk(1, { attributes: ['id'] }))!;
      expect(await refusalOf(() => less.update({ botToken: 'canary-x' }))).toMatchObject({ code: 'invalid-context' });
    });

    test('an instance whose save failed holds plain values, and the error holds none', async () => {
      const found = await find();
      found.set({ orgId: 'nowhere', botToken: 'canary-second' });
      const failure = await found.save().then(() => undefined, (error: unknown) => error);
      expect(inspect(failure, { depth: 12, showHidden: true })).not.toMatch(/canary-second|recovery/);
      expect(found.get('botToken')).toBe('canary-second');
      found.set({ orgId: 'globex' });
      await found.save();
      expect((await find()).toJSON()).toEqual({ ...ROW, orgId: 'globex', botToken: 'canary-second' });
    });

    test('no error of validation, of one row or of many, holds a value', async () => {
      const bad = { ...ROW, id: 9, orgId: null, botToken: 'canary-token' };
      for (const write of [
        () => connections.create(bad),
        () => connections.create({ ...ROW, botToken: 'canary-token' }),
        () => connections.bulkCreate([bad], { validate: true }),
        () => connections.bulkCreate([{ ...ROW, botToken: 'canary-token' }]),
        () => connections.scope(null as never).bulkCreate([bad], { validate: true }),
        () => connections.bulkCreate([bad], { individualHooks: true }),
      ]) {
        const failure = await write().then(() => 'it did not fail', (error: unknown) => error);
        expect(failure).toBeInstanceOf(Error);
        expect(inspect(failure, { depth: 12, showHidden: true })).not.toContain('canary-token');
        expect(JSON.stringify(failure)).not.toContain('canary-token');
      }
    });

    test('[T5] the error of a stale instance, which has the row that was to be written, holds no value', async () => {
      const versioned = sequelize.define('Versioned', { id: { type: DataTypes.INTEGER, primaryKey: true }, token: { type: encryptedType(column(ring, { id: 'versioned.token' }), 'TEXT'), field: 'the_token' } }, { timestamps: false, version: true });
      await versioned.sync();
      await versioned.create({ id: 1, token: 'first' });
      const [one, other] = [(await versioned.findByPk(1))!, (await versioned.findByPk(1))!];
      await one.update({ token: 'second' });
      const failure = await other.update({ token: 'canary-stale' }).then(() => 'it did not fail', (error: unknown) => error);
      expect(failure).toMatchObject({ name: 'SequelizeOptimisticLockError', modelName: 'Versioned', values: { version: 1 } });
      expect(inspect(failure, { depth: 12, showHidden: true })).not.toContain('canary-stale');
      expect((await versioned.findByPk(1))!.get('token')).toBe('second');
    });

    test('equal values are encrypted differently in each row', async () => {
      await connections.bulkCreate([2, 3, 4].map((id) => ({ ...ROW, id })));
      const rows = await database.rows<{ bot_token: string; recovery_code: string }>('SELECT bot_token, recovery_code FROM connections');
      expect(new Set(rows.flatMap((row) => [row.bot_token, row.recovery_code])).size).toBe(8);
    });
  });

  describe('updates by criteria', () => {
    test('the criteria say what a value is bound to; without that it is refused', async () => {
      for (const criteria of [{ id: 1, orgId: 'acme' }, { [Op.and]: [{ id: 1 }, { orgId: { [Op.eq]: 'acme' } }] }]) {
        await connections.update({ botToken: 'set', recoveryCode: 'set' }, { where: criteria });
        expect((await find()).toJSON()).toEqual({ ...ROW, botToken: 'set', recoveryCode: 'set' });
      }
      for (const criteria of [{ id: 1 }, { id: 1, orgId: ['acme', 'globex'] }, { [Op.or]: [{ orgId: 'acme' }] }, { orgId: { [Op.ne]: 'acme' } }, { [Op.not]: { orgId: 'acme' } }]) {
        const refusal = await refusalOf(() => connections.update({ botToken: 'canary-x' }, { where: criteria }));
        expect(refusal.code).toBe('invalid-context');
        expect(refusal.printed).not.toContain('canary-x');
      }
      // It writes no row of another place.
      await connections.update({ botToken: 'elsewhere' }, { where: { id: 1, orgId: 'globex' } });
      expect((await find()).get('botToken')).toBe('set');
      await connections.update({ orgId: 'acme', label: 'same place' }, { where: { id: 1, orgId: 'acme' } });
      await connections.update({ orgId: 'globex', botToken: 'moved', certificate: null, settings: { moved: true } }, { where: { id: 1 } });
      expect((await find()).toJSON()).toMatchObject({ orgId: 'globex', botToken: 'moved', certificate: null, settings: { moved: true } });
      await expectOnlyEncrypted();
    });

    test('with individual hooks, and with what the database returns', async () => {
      await connections.update({ botToken: 'by hooks' }, { where: { orgId: 'acme' }, individualHooks: true });
      expect((await find()).get('botToken')).toBe('by hooks');
      if (kind === 'postgres') {
        const [, returned] = await connections.update({ botToken: 'returned' }, { where: { orgId: 'acme' }, returning: true });
        expect(returned.map((one) => one.get('botToken'))).toEqual(['returned']);
      }
      await expectOnlyEncrypted();
    });

    test('upsert encrypts on both of its ways, and is refused where it may part values from what they are bound to', async () => {
      const [made] = await connections.upsert({ ...ROW, id: 2 });
      expect(made.get('botToken')).toBe(FULL.botToken);
      await connections.upsert({ ...ROW, orgId: 'globex', botToken: 'changed' });
      await connections.bulkCreate([{ ...ROW, id: 2, botToken: 'by bulk' }], { updateOnDuplicate: ['orgId', 'botToken', 'certificate', 'settings'] });
      expect((await find()).toJSON()).toEqual({ ...ROW, orgId: 'globex', botToken: 'changed' });
      expect((await find(2)).get('botToken')).toBe('by bulk');
      expect(await refusalOf(() => connections.upsert({ id: 1, orgId: 'acme', botToken: 'alone' }))).toMatchObject({ code: 'invalid-context' });
      expect(await refusalOf(() => connections.bulkCreate([{ ...ROW }], { updateOnDuplicate: ['botToken'] }))).toMatchObject({ code: 'invalid-context' });
      expect((await find()).get('botToken')).toBe('changed');
      await expectOnlyEncrypted();
    });

    test('findOrCreate and create with a nested row', async () => {
      const [made, created] = await connections.findOrCreate({ where: { id: 7 }, defaults: { ...ROW, id: 7 } });
      expect([created, made.get('botToken')]).toEqual([true, FULL.botToken]);
      await connections.create({ ...ROW, id: 8, orgId: undefined, organization: { id: 'initech', name: 'Initech', signingKey: 'signs' } }, { include: ['organization'] });
      const found = await connections.findByPk(8, { include: [{ association: 'organization', include: ['connections'] }] });
      expect(found!.get({ plain: true })).toMatchObject({ orgId: 'initech', botToken: FULL.botToken, organization: { signingKey: 'signs', connections: [{ botToken: FULL.botToken }] } });
      await expectOnlyEncrypted();
    });

    test('after an increment of something else, whose row PostgreSQL hands out, instances and rows have values', async () => {
      const counter = kind === 'postgres' ? 'label' : 'id';
      if (kind === 'postgres') await database.rows('ALTER TABLE connections ALTER COLUMN label TYPE integer USING 5');
      const found = await find();
      await found.increment(counter, { by: 1 });
      expect(found.toJSON()).toMatchObject(FULL);
      await found.decrement(counter, { by: 1 });
      expect(found.toJSON()).toMatchObject(FULL);
      expect(found.changed()).toBe(false);
      if (kind !== 'postgres') return;
      const returned = await connections.increment('label', { where: { id: 1 }, returning: true } as never);
      expect(JSON.stringify(returned)).not.toMatch(/lfv1|gAAAA/);
      expect(JSON.stringify(returned)).toContain(FULL.botToken);
    });

    test('SQL as a value, increments, and tables past their models are refused', async () => {
      const before = await stored();
      for (const value of [literal("'canary'"), fn('concat', 'canary', 'x'), col('label')]) {
        for (const hooks of [true, false]) {
          expect((await refusalOf(() => connections.update({ botToken: value }, { where: { id: 1, orgId: 'acme' }, hooks, validate: false }))).code).toMatch(/^(invalid-text|usage)$/);
          expect((await refusalOf(() => connections.create({ id: 2, orgId: 'acme', settings: value }, { hooks }))).code).toMatch(/^(invalid-text|usage)$/);
        }
      }
      expect(await refusalOf(() => connections.increment('botToken', { where: { id: 1 } }))).toMatchObject({ code: 'usage' });
      expect(await refusalOf(() => connections.decrement('orgId', { where: { id: 1 } }))).toMatchObject({ code: 'usage' });
      const queries = sequelize.getQueryInterface();
      expect(await refusalOf(() => queries.bulkInsert('connections', [{ id: 2, org_id: 'acme', bot_token: 'canary' }]))).toMatchObject({ code: 'usage' });
      expect(await refusalOf(() => queries.bulkUpdate('connections', { bot_token: 'canary' }, { id: 1 }))).toMatchObject({ code: 'usage' });
      expect(await stored()).toEqual(before);
      expect(await database.rows('SELECT id FROM connections')).toHaveLength(1);
    });
  });

  describe('reads', () => {
    test('includes, joined and separate, and scopes decrypt; raw rows hold what is stored', async () => {
      for (const separate of [true, false]) {
        const found = await organizations.findByPk('acme', { include: [{ association: 'connections', separate }] });
        expect(found!.get({ plain: true })).toMatchObject({ connections: [ROW] });
      }
      connections.addScope('ofAcme', { where: { orgId: 'acme' } });
      expect((await connections.scope('ofAcme').findOne())!.toJSON()).toEqual(ROW);
      const [raw] = (await connections.findAll({ raw: true })) as unknown as Record<string, unknown>[];
      expect(raw!['botToken']).toMatch(/^lfv1\./);
      expect((await connections.findAndCountAll({ where: { orgId: 'acme' } })).rows[0]!.toJSON()).toEqual(ROW);
    });

    test('a read without what the value is bound to is refused, one without the value is not', async () => {
      expect(await refusalOf(() => connections.findAll({ attributes: ['botToken'] }))).toMatchObject({ code: 'invalid-context' });
      expect((await connections.findAll({ attributes: ['label', 'recoveryCode'] }))[0]!.toJSON()).toEqual({ label: 'a label', recoveryCode: 'recovery' });
    });

    test('every condition and order over an encrypted attribute is refused, before the database sees it', async () => {
      const value = 'canary-sought';
      const conditions: readonly object[] = [
        { botToken: value },
        { bot_token: value },
        { botToken: [value, 'b'] },
        { botToken: { [Op.like]: `${value}%` } },
        { botToken: { [Op.startsWith]: value } },
        { [Op.or]: [{ id: 1 }, { [Op.not]: { botToken: { [Op.ne]: value } } }] },
        { '$organization.signingKey$': value },
        { 'botToken::text': value },
        { 'settings.url': value },
        { '$organization.signing_key::text$': value },
        where(col('bot_token'), value),
      ];
      for (const condition of conditions) {
        for (const question of [
          () => connections.findAll({ where: condition as never, include: ['organization'] }),
          () => connections.count({ where: condition as never, include: ['organization'] }),
          () => connections.update({ label: 'x' }, { where: condition as never }),
          () => connections.destroy({ where: condition as never }),
        ]) {
          const refusal = await refusalOf(question);
          expect(refusal.code).toBe('usage');
          expect(refusal.printed).not.toContain(value);
        }
      }
      expect(await refusalOf(() => organizations.findAll({ include: [{ association: 'connections', where: { botToken: value } }] }))).toMatchObject({ code: 'usage' });
      for (const order of [['botToken'], [['botToken', 'DESC']], [[col('bot_token'), 'DESC']], [[{ model: organizations, as: 'organization' }, 'signingKey', 'ASC']]]) {
        expect(await refusalOf(() => connections.findAll({ order: order as never, include: ['organization'] }))).toMatchObject({ code: 'usage' });
      }
      expect(await refusalOf(() => connections.findAll({ attributes: ['orgId'], group: ['botToken'] }))).toMatchObject({ code: 'usage' });
      expect(logged.join('\n')).not.toContain(value);
      expect(await connections.count({ where: { botToken: { [Op.not]: null } } })).toBe(1);
      expect(await connections.count({ where: { botToken: null } })).toBe(0);
    });
  });

  test('[D2] what nobody protected stores nothing and compares nothing', async () => {
    const before = await stored();
    const { sequelize: bare, models } = openSequelize(database, strictColumns(ring), () => undefined);
    try {
      for (const write of [
        () => models.connections.create({ ...ROW, id: 2 }),
        () => models.connections.bulkCreate([{ ...ROW, id: 2 }], { hooks: false }),
        () => models.connections.update({ botToken: 'canary' }, { where: { id: 1, orgId: 'acme' } }),
        () => models.connections.upsert({ ...ROW, botToken: 'canary' }),
        () => models.connections.findAll({ where: { botToken: 'canary' } }),
      ]) expect(await refusalOf(write)).toMatchObject({ code: 'usage' });
    } finally {
      await bare.close();
    }
    expect(await stored()).toEqual(before);
    expect(await database.rows('SELECT id FROM connections')).toHaveLength(1);
  });

  test('a model that is defined later is protected; what can not be encrypted is refused', async () => {
    const token = column(ring, { id: 'things.token' });
    const bound = column(ring, { id: 'things.bound', context: ['org_id'] });
    const type = encryptedType(token, 'TEXT');
    const refused: readonly ModelAttributes[] = [{ token: { type, unique: true } }, { token: { type, primaryKey: true } }, { token: { type, defaultValue: 'x' } }, { bound: { type: encryptedType(bound, 'TEXT') } }];
    for (const attributes of refused) {
      const thing = sequelize.define('Thing', attributes);
      expect(await refusalOf(() => thing.create({ token: 'x' }))).toMatchObject({ code: 'usage' });
      const other = new Sequelize('postgres://127.0.0.1/none', { dialect: 'postgres' });
      other.define('Thing', attributes);
      expect(await refusalOf(async () => protectSequelize(other))).toMatchObject({ code: 'usage' });
    }
    expect(await refusalOf(async () => protectSequelize(sequelize))).toMatchObject({ code: 'usage' });
    expect(await refusalOf(async () => encryptedType(column(ring, { id: 'things.bytes', as: 'bytes', storage: 'binary' }), 'JSONB'))).toMatchObject({ code: 'usage' });
    const document = column(ring, { id: 'things.document', as: 'json' });
    const things = sequelize.define('Later', { token: { type }, document: { type: encryptedType(document, kind === 'postgres' ? 'JSONB' : 'JSON') } }, { timestamps: false });
    await things.sync();
    const made = await things.create({ token: 'later', document: { a: [1] } });
    await things.bulkCreate([{ document: 'a text' }, { document: false }]);
    expect((await things.findAll({ order: ['id'] })).map((one) => one.get('document'))).toEqual([{ a: [1] }, 'a text', false]);
    expect((await things.findByPk(made.get('id') as number))!.get('token')).toBe('later');
    expect((await database.rows<{ token: string }>(kind === 'postgres' ? 'SELECT token FROM "Laters"' : 'SELECT token FROM Laters'))[0]!.token).toMatch(/^lfv1\./);
  });
});
