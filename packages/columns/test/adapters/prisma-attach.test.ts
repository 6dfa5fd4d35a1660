import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { PrismaPg } from '@prisma/adapter-pg';
import { describe, expect, test } from 'vitest';

import { column, type ColumnDefinition, type ValueTypeName } from '@lockfast/columns';
import { lockfastPrisma } from '@lockfast/columns/prisma';

import { heldRing } from '../held-ring.ts';
import { printed, refusalOf } from '../contract/refusal.ts';
import { missing, prismaDatabases } from './prisma/database.ts';
import { type GeneratedClient, generatedDirectory, generatedModule, type RawClient } from './prisma/generated-client.ts';

describe('Prisma: what is refused when the extension is attached', () => {
  /** Never connected. */
  async function oddClient(): Promise<RawClient> {
    const { PrismaClient } = await generatedModule(readFileSync(new URL('prisma/odd.prisma', import.meta.url), 'utf8'));
    return new PrismaClient({ adapter: new PrismaPg({ connectionString: 'postgres://nobody@127.0.0.1:1/none' }) });
  }

  test('[T1] a field that can not be encrypted, with its reason', async () => {
    const client = await oddClient();
    const ring = await heldRing('test');
    const attach = async (model: string, field: string, definition: Partial<ColumnDefinition<ValueTypeName>> = {}): Promise<string> => {
      const one = column(ring, { id: 'odd', ...definition } as ColumnDefinition<ValueTypeName>);
      return (await refusalOf(async () => await Promise.resolve(client.$extends(lockfastPrisma({ columns: { [model]: { [field]: one } } }))))).message;
    };
    expect(await attach('odd', 'plain')).toBe('prisma: odd: there is no such model');
    expect(await attach('Odd', 'plane')).toBe('prisma: Odd.plane: there is no such field');
    for (const field of ['number', 'list', 'enumerated', 'moment', 'owner', 'large']) expect(await attach('Odd', field)).toContain('only fields of the types String, Bytes and Json');
    for (const field of ['unique', 'together', 'ownerId']) expect(await attach('Odd', field)).toContain('it is unique');
    expect(await attach('Owner', 'id')).toContain('it is unique');
    expect(await attach('Odd', 'reassigned')).toContain('a relation is over it');
    expect(await attach('Odd', 'default')).toContain('it has a default');
    for (const field of ['padded', 'address', 'uuid']) expect(await attach('Odd', field)).toContain('does not hold every text as it is');
    for (const [field, definition] of [['plain', { as: 'json' }], ['plain', { storage: 'binary' }], ['bytes', {}], ['bytes', { as: 'bytes' }], ['json', {}], ['json', { as: 'json', storage: 'binary' }]] as const) {
      expect(await attach('Odd', field, definition)).toContain('odd is defined otherwise');
    }
    expect(await attach('Odd', 'plain', { context: ['nowhere'] })).toContain('its context column nowhere is no field of Odd');
    expect(await attach('Odd', 'plain', { context: ['upper'] })).toContain('may be null');
    expect(await attach('Odd', 'plain', { context: ['maybe'] })).toContain('may be null');
    for (const name of ['moment', 'list']) expect(await attach('Odd', 'plain', { context: [name] })).toContain('is of type');
    expect(await attach('Odd', 'plain', { context: ['folded'] })).toContain('has several spellings');
    expect(await attach('Odd', 'plain', { context: ['reassigned'] })).toContain('is changed by the database when a row of Owner is deleted');
    for (const context of [['id'], ['ownerId'], ['uuid', 'large']]) expect(client.$extends(lockfastPrisma({ columns: { Odd: { plain: column(ring, { id: 'odd', context }) } } }))).toBeDefined();
  });

  test('a client that does not tell its models', async () => {
    const client = await oddClient();
    const columns = {};
    for (const other of [{}, { $extends: () => undefined }, { _runtimeDataModel: { models: {} } }, { ...client, _engineConfig: { inlineSchema: 'model Other {\n id Int @id\n}' }, _runtimeDataModel: { models: { Odd: { fields: [] } } } }]) {
      expect(await refusalOf(async () => await Promise.resolve(lockfastPrisma({ columns })(other)))).toMatchObject({ code: 'usage' });
    }
  });
});

describe('Prisma: the types of a client', () => {
  test('are kept: with the extension, tsc knows what it knew', { timeout: 120_000 }, () => {
    const directory = generatedDirectory();
    writeFileSync(`${directory}/types.ts`, readFileSync(new URL('prisma/types.ts.txt', import.meta.url)));
    writeFileSync(`${directory}/tsconfig.json`, JSON.stringify({ extends: fileURLToPath(new URL('../../../../tsconfig.json', import.meta.url)), include: ['types.ts'] }));
    const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(/package\.json$/, 'bin/tsc');
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', directory], { cwd: directory, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });
});

describe.skipIf(missing !== undefined)(`Prisma: what would store plaintext${missing === undefined ? '' : ` (${missing})`}`, () => {
  const open = prismaDatabases();

  test('[D2] a client without the extension is stopped by the CHECK constraint that the guide gives, and the extended one is not', async () => {
    const { sql, bare, attach } = await open();
    await sql.query(`
      ALTER TABLE connections ADD CONSTRAINT bot_token_encrypted CHECK (bot_token LIKE 'lfv1.%') NOT VALID;
      ALTER TABLE connections ADD CONSTRAINT certificate_encrypted CHECK (substring(certificate FOR 5) = 'lfv1.') NOT VALID;
      ALTER TABLE connections ADD CONSTRAINT settings_encrypted CHECK (settings #>> '{}' LIKE 'lfv1.%') NOT VALID;`);
    const plain = [{ botToken: 'plain' }, { certificate: Buffer.from('plain') }, { settings: { plain: true } }];
    const unattached = (bare as GeneratedClient).connection;
    for (const values of plain) await expect(unattached['create']!({ data: { id: 1, orgId: 'acme', ...values } })).rejects.toThrow(/constraint/);
    const prisma = attach();
    for (const [id, values] of plain.entries()) expect(await prisma.connection['create']!({ data: { id, orgId: 'acme', ...values } })).toMatchObject(values);
    expect(await sql.query('SELECT * FROM connections')).toMatchObject({ rowCount: 3 });
  });

  test('a field, a path or an operation that is not known is refused by us, before Prisma can quote it in its own refusal', async () => {
    const { attach, stored } = await open();
    const { connection, organization, project, tag } = attach();
    const canary = 'canary-unknown';
    const acme = { where: { id: 'acme' } };
    const attempts: (() => Promise<unknown>)[] = [
      () => connection['create']!({ data: { id: 1, orgId: 'acme', botTokn: canary } }),
      () => connection['create']!({ data: [{ id: 1, orgId: 'acme', botToken: canary }] }),
      () => connection['create']!({ data: { toJSON: () => ({ id: 1, orgId: 'acme', botToken: canary }) } }),
      () => connection['createMany']!({ data: canary }),
      () => connection['update']!({ where: { id: 1, botTokn: canary }, data: {} }),
      () => connection['update']!({ where: { id: 1, orgId: 'acme' }, data: { botToken: { set: canary, push: canary } } }),
      () => connection['update']!({ where: { id: 1, orgId: 'acme' }, data: { botToken: { increment: canary } } }),
      () => connection['findMany']!({ where: { nowhere: { botToken: canary } } }),
      () => organization['update']!({ ...acme, data: { connections: { creat: { id: 1, botToken: canary } } } }),
      () => organization['update']!({ ...acme, data: { connections: canary } }),
      () => organization['update']!({ ...acme, data: { connections: { create: { id: 1, botTokn: canary } } } }),
      () => organization['update']!({ ...acme, data: { connections: { createMany: [{ id: 1, botToken: canary }] } } }),
      () => project['update']!({ where: { id: 1 }, data: { tags: { update: { where: { id: 'x' }, data: [{ token: canary }] } } } }),
      () => tag['create']!(canary),
      () => tag['create']!({ id: 'x', token: canary }),
      () => tag['findMany']!({ token: canary }),
      () => organization['update']!({ ...acme, data: { connections: { update: { where: { id: 1 }, botToken: canary } } } }),
      () => organization['update']!({ ...acme, data: { connections: { upsert: { where: { id: 1 }, create: { id: 1 }, update: {}, botToken: canary } } } }),
      () => organization['update']!({ ...acme, data: { connections: { updateMany: { where: {}, botToken: canary } } } }),
    ];
    for (const [index, attempt] of attempts.entries()) {
      const refusal = await refusalOf(attempt);
      expect(refusal.code, `attempt ${index}`).toBe('usage');
      expect(refusal.printed, `attempt ${index}`).not.toContain(canary);
    }
    expect(await stored()).toEqual([]);
  });

  test("Prisma's own refusals quote encrypted values only", async () => {
    const { attach } = await open();
    const prisma = attach();
    for (const data of [{ id: 'no number', orgId: 'acme', botToken: 'canary-quoted' }, { orgId: 'acme', settings: { 'canary-quoted': 1 } }]) {
      const error: unknown = await prisma.connection['create']!({ data }).then(
        () => undefined,
        (one: unknown) => one,
      );
      expect(printed(error)).toMatch(/lfv1\./);
      expect(printed(error)).not.toContain('canary-quoted');
    }
  });

  test('an extension that is attached twice refuses: nothing is encrypted twice', async () => {
    const { attach, stored } = await open();
    const twice = attach({}, attach());
    expect(await refusalOf(() => twice.connection['create']!({ data: { id: 1, orgId: 'acme', botToken: 'x' } }))).toMatchObject({ code: 'already-encrypted' });
    expect(await stored()).toEqual([]);
  });

  test('models without encrypted fields and without a way to them are left alone', async () => {
    const { attach } = await open();
    const { audit } = attach();
    expect(await audit['create']!({ data: { text: 'lfv1.' } })).toMatchObject({ text: 'lfv1.' });
    expect(await audit['findMany']!({ where: { text: { contains: 'lf' } }, orderBy: { text: 'asc' } })).toHaveLength(1);
    await expect(audit['create']!({ data: { text: 1 } })).rejects.toThrow(/Invalid/);
  });
});
