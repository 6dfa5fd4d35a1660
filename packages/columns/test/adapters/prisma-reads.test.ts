import { describe, expect, test } from 'vitest';

import { column } from '@lockfast/columns';

import { refusalOf } from '../contract/refusal.ts';
import { missing, type PrismaDatabase, prismaDatabases } from './prisma/database.ts';
import { type GeneratedClient, generatedModule } from './prisma/generated-client.ts';

describe.skipIf(missing !== undefined)(`Prisma: reads${missing === undefined ? '' : ` (${missing})`}`, () => {
  const open = prismaDatabases();

  async function filled(clientOptions: object = {}): Promise<{ database: PrismaDatabase; prisma: GeneratedClient }> {
    const database = await open(clientOptions);
    const prisma = database.attach();
    await prisma.organization['update']!({
      where: { id: 'acme' },
      data: {
        signingKey: 'signs',
        connections: { create: [{ id: 1, botToken: 't1', settings: { a: 1 } }, { id: 2, botToken: 't2' }] },
        projects: { create: { id: 10, name: 'site', deployKey: 'deploys', environments: { create: { id: 'e1', name: 'live', secret: 's1' } }, tags: { create: { id: 'x', token: 'tagged' } } } },
      },
    });
    return { database, prisma };
  }

  test('[T1] select and include at every depth decrypt, and give the columns that were asked for, and no others', async () => {
    const { prisma } = await filled();
    expect(await prisma.organization['findMany']!({ where: { id: 'acme' }, select: { connections: { select: { botToken: true }, orderBy: { id: 'asc' } }, projects: { select: { deployKey: true, environments: { select: { secret: true } }, tags: { omit: { data: true } } } } } })).toEqual([
      { connections: [{ botToken: 't1' }, { botToken: 't2' }], projects: [{ deployKey: 'deploys', environments: [{ secret: 's1' }], tags: [{ id: 'x', token: 'tagged' }] }] },
    ]);
    expect(await prisma.environment['findFirst']!({ where: { id: 'e1' }, select: { secret: true, project: { select: { deployKey: true, organization: { select: { signingKey: true } } } } } })).toEqual({
      secret: 's1',
      project: { deployKey: 'deploys', organization: { signingKey: 'signs' } },
    });
    expect(await prisma.connection['findUniqueOrThrow']!({ where: { id: 1 }, omit: { orgId: true, certificate: true, recoveryCode: true, label: true } })).toEqual({ id: 1, botToken: 't1', settings: { a: 1 } });
    expect(await prisma.connection['findFirstOrThrow']!({ where: { id: 1 }, select: { id: true, label: true } })).toEqual({ id: 1, label: null });
    expect(await prisma.connection['findFirst']!({ where: { id: 9 } })).toBeNull();
  });

  test('fields that the client omits everywhere are read where a value needs them, and stay out of results', async () => {
    const { prisma } = await filled({ omit: { connection: { orgId: true, certificate: true }, project: { orgId: true, deployKey: true } } });
    expect(await prisma.connection['findUnique']!({ where: { id: 1 } })).toEqual({ id: 1, label: null, botToken: 't1', settings: { a: 1 }, recoveryCode: null });
    expect(await prisma.organization['findUnique']!({ where: { id: 'acme' }, include: { connections: { where: { id: 2 } }, projects: true } })).toMatchObject({ connections: [{ id: 2, botToken: 't2' }], projects: [{ id: 10, name: 'site' }] });
    expect(await prisma.connection['findUnique']!({ where: { id: 1 }, omit: { orgId: false } })).toMatchObject({ orgId: 'acme', botToken: 't1' });
  });

  test('the fluent way over relations', async () => {
    const { prisma } = await filled();
    expect(await prisma.connection['findUnique']!({ where: { id: 1 } })['organization']!()).toMatchObject({ id: 'acme', signingKey: 'signs' });
    expect(await prisma.organization['findUnique']!({ where: { id: 'acme' } })['connections']!({ select: { botToken: true }, orderBy: { id: 'asc' } })).toEqual([{ botToken: 't1' }, { botToken: 't2' }]);
    expect(await prisma.connection['findUnique']!({ where: { id: 99 } })['organization']!()).toBeNull();
  });

  test('finds that Prisma puts together into one query each get their own values', async () => {
    const { prisma } = await filled();
    const [first, again, second] = (await Promise.all([1, 1, 2].map(async (id) => await prisma.connection['findUnique']!({ where: { id } })))) as { botToken: string }[];
    expect([first!.botToken, again!.botToken, second!.botToken]).toEqual(['t1', 't1', 't2']);
  });

  test('fields that another extension computes get plain values, also where only they are selected', async () => {
    const { database } = await filled();
    const masked = { result: { connection: { masked: { needs: { botToken: true }, compute: (row: { botToken: string }) => `${row.botToken.slice(0, 1)}***` } } } };
    const before = database.attach({}, database.bare.$extends(masked));
    const after = database.attach().$extends(masked) as GeneratedClient;
    for (const prisma of [before, after]) {
      const selected = async (select: object): Promise<unknown> => JSON.parse(JSON.stringify(await prisma.connection['findUnique']!({ where: { id: 1 }, select }))) as unknown;
      expect(await selected({ masked: true })).toEqual({ masked: 't***' });
      expect(await selected({ id: true, botToken: true, masked: true })).toEqual({ id: 1, botToken: 't1', masked: 't***' });
    }
  });

  test('a filter, an order or an aggregate over an encrypted field is refused wherever it stands', async () => {
    const { prisma } = await filled();
    const { Prisma } = await generatedModule();
    const { connection, environment, organization, project } = prisma;
    const encrypted = { botToken: 'canary-sought' };
    const attempts: (() => Promise<unknown>)[] = [
      () => connection['findMany']!({ where: encrypted }),
      () => connection['findFirst']!({ where: { botToken: { contains: 'canary-sought' } } }),
      () => connection['findFirst']!({ where: { OR: [{ id: 1 }, { NOT: { botToken: { in: ['canary-sought'] } } }] } }),
      () => connection['findUnique']!({ where: { id: 1, ...encrypted } }),
      () => connection['updateMany']!({ where: encrypted, data: { label: 'l' } }),
      () => connection['deleteMany']!({ where: encrypted }),
      () => connection['count']!({ where: encrypted }),
      () => connection['upsert']!({ where: { id: 1, ...encrypted }, create: { id: 1, orgId: 'acme' }, update: {} }),
      () => connection['findMany']!({ where: { settings: { path: ['a'], equals: 'canary-sought' } } }),
      () => connection['findMany']!({ where: { settings: { equals: Prisma.JsonNull } } }),
      () => connection['findMany']!({ where: { organization: { is: { signingKey: 'canary-sought' } } } }),
      () => organization['findMany']!({ where: { connections: { some: encrypted } } }),
      () => organization['findMany']!({ where: { projects: { every: { environments: { none: { secret: 'canary-sought' } } } } } }),
      () => organization['findMany']!({ include: { connections: { where: encrypted } } }),
      () => organization['findMany']!({ include: { connections: { orderBy: [{ id: 'asc' }, { botToken: 'desc' }] } } }),
      () => organization['findMany']!({ select: { _count: { select: { connections: { where: encrypted } } } } }),
      () => organization['update']!({ where: { id: 'acme' }, data: { connections: { updateMany: { where: encrypted, data: { label: 'l' } } } } }),
      () => organization['update']!({ where: { id: 'acme' }, data: { connections: { deleteMany: [encrypted] } } }),
      () => connection['findMany']!({ orderBy: { botToken: { sort: 'asc', nulls: 'last' } } }),
      () => environment['findMany']!({ orderBy: { project: { deployKey: 'asc' } } }),
      () => connection['findMany']!({ distinct: ['orgId', 'botToken'] }),
      () => connection['aggregate']!({ _max: { botToken: true } }),
      () => connection['groupBy']!({ by: ['botToken'] }),
      () => connection['groupBy']!({ by: ['orgId'], _min: { botToken: true } }),
      () => connection['groupBy']!({ by: ['orgId'], having: { botToken: { _max: { gt: 'canary-sought' } } } }),
      () => connection['groupBy']!({ by: ['orgId'], orderBy: { _max: { botToken: 'asc' } } }),
      () => project['findMany']!({ where: { name: { equals: (project as unknown as { fields: { deployKey: unknown } }).fields.deployKey } } }),
    ];
    for (const [index, attempt] of attempts.entries()) {
      const refusal = await refusalOf(attempt);
      expect(refusal.code, `attempt ${index}`).toBe('usage');
      expect(refusal.message, `attempt ${index}`).toMatch(/^prisma: \w+\.\w+ is encrypted: it can not be /);
      expect(refusal.printed).not.toContain('canary-sought');
    }
  });

  test('questions that encrypted values answer rightly are asked: null checks, counts', async () => {
    const { prisma } = await filled();
    const { Prisma } = await generatedModule();
    const { connection } = prisma;
    await connection['create']!({ data: { id: 3, orgId: 'globex' } });
    expect(await connection['count']!({ where: { botToken: null } })).toBe(1);
    expect(await connection['count']!({ where: { botToken: { not: null } } })).toBe(2);
    expect(await connection['count']!({ where: { NOT: { botToken: { equals: null } }, settings: { equals: Prisma.DbNull } } })).toBe(1);
    expect(await connection['count']!({ where: { settings: { not: Prisma.DbNull } } })).toBe(1);
    expect(await connection['count']!({ select: { _all: true, botToken: true } })).toEqual({ _all: 3, botToken: 2 });
    expect(await connection['groupBy']!({ by: ['orgId'], _count: { botToken: true }, having: { botToken: { _count: { gt: 0 } } }, orderBy: { orgId: 'asc' } })).toEqual([{ orgId: 'acme', _count: { botToken: 2 } }]);
    expect(await prisma.organization['findMany']!({ where: { connections: { none: { botToken: { not: null } } } }, select: { id: true, _count: { select: { connections: { where: { botToken: null } } } } } })).toEqual([{ id: 'globex', _count: { connections: 1 } }]);
  });

  test('plaintext JSON of every kind is read while that is allowed; what begins like an encrypted value is damage, never plaintext', async () => {
    const { database } = await filled();
    const told: string[] = [];
    const settings = column(database.ring, { id: 'connections.settings', as: 'json', context: ['org_id'], reading: 'allow-plaintext', onPlaintext: ({ column: id }) => told.push(id) });
    const prisma = database.attach({ columns: { Connection: { settings } } });
    const values = ['a text', '', 0, false, [1, 'b'], { c: null }];
    for (const value of values) {
      await database.sql.query('UPDATE connections SET settings = $1 WHERE id = 1', [JSON.stringify(value)]);
      expect(await prisma.connection['findUnique']!({ where: { id: 1 }, select: { settings: true } })).toEqual({ settings: value });
    }
    expect(told).toEqual(values.map(() => 'connections.settings'));
    for (const damaged of ['lfv1.cut', 'gAAAAA']) {
      await database.sql.query('UPDATE connections SET settings = $1 WHERE id = 1', [JSON.stringify(damaged)]);
      expect(await refusalOf(() => prisma.connection['findUnique']!({ where: { id: 1 } }))).toMatchObject({ code: 'malformed' });
    }
  });

  test('raw SQL gives what is stored; a client can refuse it, or its writes', async () => {
    const { database, prisma } = await filled();
    expect(await prisma.$queryRaw`SELECT bot_token FROM connections WHERE id = ${1}`).toMatchObject([{ bot_token: expect.stringMatching(/^lfv1\./) as string }]);
    const reading = database.attach({ raw: 'reads' });
    expect(await reading.$queryRaw`SELECT ${1}::int AS one`).toEqual([{ one: 1 }]);
    expect(await reading.$queryRawUnsafe('  select 1 AS one;')).toEqual([{ one: 1 }]);
    const writes = [
      () => reading.$executeRaw`UPDATE connections SET bot_token = 'canary-raw'`,
      () => reading.$executeRawUnsafe("UPDATE connections SET bot_token = 'canary-raw'"),
      () => reading.$queryRawUnsafe("WITH w AS (UPDATE connections SET bot_token = 'canary-raw' RETURNING 1) SELECT * FROM w"),
      () => reading.$queryRawUnsafe("SELECT 1; UPDATE connections SET bot_token = 'canary-raw'"),
      () => database.attach({ raw: 'refuse' }).$queryRaw`SELECT 1`,
    ];
    for (const write of writes) {
      const refusal = await refusalOf(write);
      expect(refusal.code).toBe('not-permitted');
      expect(refusal.printed).not.toContain('canary-raw');
    }
    expect(await prisma.connection['findUnique']!({ where: { id: 1 } })).toMatchObject({ botToken: 't1' });
  });
});
