import { describe, expect, test } from 'vitest';

import { refusalOf } from '../contract/refusal.ts';
import { missing, type PrismaDatabase, prismaDatabases } from './prisma/database.ts';
import { type GeneratedClient, generatedModule } from './prisma/generated-client.ts';

describe.skipIf(missing !== undefined)(`Prisma: writes${missing === undefined ? '' : ` (${missing})`}`, () => {
  const open = prismaDatabases();

  /** @param count of encrypted values that the database must hold, and nothing else */
  async function expectEncrypted(database: PrismaDatabase, count: number): Promise<void> {
    const stored = await database.stored();
    expect(stored.filter(([, value]) => !value.startsWith('lfv1.'))).toEqual([]);
    expect(stored).toHaveLength(count);
  }

  /** An organization with a project that has an environment and a tag. */
  function tree(id: string): object {
    return {
      id,
      name: id,
      signingKey: 'signs',
      projects: { create: { id: 10, name: 'site', deployKey: 'deploys', environments: { create: [{ id: 'e1', name: 'live', secret: 's1' }, { id: 'e2', name: 'test', secret: 's2' }] }, tags: { create: { id: 't1', token: 'tagged' } } } },
    };
  }

  const TREE = { projects: { include: { environments: { orderBy: { id: 'asc' } }, tags: true } } };

  async function makeTree(prisma: GeneratedClient): Promise<void> {
    await prisma.organization['create']!({ data: tree('initech') });
  }

  test('[T1] [D2] nested creates are encrypted at every depth, through relations of every kind', async () => {
    const database = await open();
    const prisma = database.attach();
    const created = await prisma.organization['create']!({ data: tree('initech'), include: TREE });
    await expectEncrypted(database, 5);
    const found = await prisma.organization['findUnique']!({ where: { id: 'initech' }, include: TREE });
    for (const one of [created, found]) {
      expect(one).toMatchObject({
        signingKey: 'signs',
        projects: [{ deployKey: 'deploys', environments: [{ secret: 's1' }, { secret: 's2' }], tags: [{ token: 'tagged' }] }],
      });
    }
  });

  test('[D2] connectOrCreate and createMany inside of creates and updates', async () => {
    const database = await open();
    const prisma = database.attach();
    await prisma.organization['create']!({ data: { id: 'initech', name: 'I', connections: { createMany: { data: [{ id: 1, botToken: 'a' }, { id: 2, botToken: 'b' }] } } } });
    await prisma.organization['update']!({ where: { id: 'initech' }, data: { signingKey: { set: 'k' }, connections: { createMany: { data: { id: 3, botToken: 'c' }, skipDuplicates: true } } } });
    await prisma.project['create']!({ data: { id: 7, name: 'p', orgId: 'initech', tags: { connectOrCreate: [{ where: { id: 't1' }, create: { id: 't1', token: 't' } }, { where: { id: 't2' }, create: { id: 't2', token: 'u' } }] } } });
    await prisma.project['update']!({ where: { id: 7 }, data: { tags: { connectOrCreate: { where: { id: 't2' }, create: { id: 't2', token: 'unused' } } } } });
    await expectEncrypted(database, 6);
    expect(await prisma.connection['findMany']!({ where: { orgId: 'initech' }, orderBy: { id: 'asc' }, select: { botToken: true } })).toEqual([{ botToken: 'a' }, { botToken: 'b' }, { botToken: 'c' }]);
    expect(await prisma.tag['findMany']!({ orderBy: { id: 'asc' } })).toMatchObject([{ token: 't' }, { token: 'u' }]);
  });

  test('[D2] nested update, updateMany and upsert, to many rows and to the one of a relation', async () => {
    const database = await open();
    const prisma = database.attach();
    await makeTree(prisma);
    await prisma.organization['update']!({
      where: { id: 'initech' },
      data: {
        projects: {
          update: {
            where: { id: 10 },
            data: {
              deployKey: 'deploys 2',
              environments: {
                update: { where: { id: 'e1', name: 'live' }, data: { secret: { set: 's1 2' } } },
                updateMany: { where: { name: 'test' }, data: { secret: 's2 2' } },
                upsert: [{ where: { id: 'e3', name: 'new' }, create: { id: 'e3', name: 'new', secret: 's3' }, update: { secret: 'no' } }],
              },
              tags: { updateMany: { where: {}, data: { token: 'tagged 2' } }, update: { where: { id: 't1' }, data: { data: 'x' } } },
            },
          },
          upsert: { where: { named: { orgId: 'initech', name: 'site' } }, create: { name: 'site' }, update: { deployKey: 'deploys 3' } },
        },
      },
    });
    await expectEncrypted(database, 6);
    expect(await prisma.organization['findUnique']!({ where: { id: 'initech' }, include: TREE })).toMatchObject({
      projects: [{ deployKey: 'deploys 3', environments: [{ secret: 's1 2' }, { secret: 's2 2' }, { secret: 's3' }], tags: [{ token: 'tagged 2', data: 'x' }] }],
    });
    await prisma.environment['update']!({ where: { id: 'e1' }, data: { project: { update: { where: { orgId: 'initech' }, data: { deployKey: 'from below' } } } } });
    expect(await prisma.project['findUnique']!({ where: { id: 10 } })).toMatchObject({ deployKey: 'from below' });
    await prisma.project['update']!({ where: { id: 10 }, data: { organization: { update: { signingKey: 'from below, too' } } } });
    expect(await prisma.organization['findUnique']!({ where: { id: 'initech' } })).toMatchObject({ signingKey: 'from below, too' });
    await expectEncrypted(database, 6);
  });

  test('[D2] writes to the one row of a relation, whose foreign key is its own', async () => {
    const database = await open();
    const prisma = database.attach();
    const write = async (vault: object): Promise<unknown> => ((await prisma.organization['update']!({ where: { id: 'acme' }, data: { vault }, include: { vault: true } })) as { vault: unknown }).vault;
    expect(await write({ create: { secret: '1' } })).toMatchObject({ orgId: 'acme', secret: '1' });
    expect(await write({ update: { secret: '2' } })).toMatchObject({ secret: '2' });
    expect(await write({ update: { where: {}, data: { secret: { set: '3' }, data: 'd' } } })).toMatchObject({ secret: '3', data: 'd' });
    expect(await write({ upsert: { create: { secret: 'no' }, update: { secret: '4' } } })).toMatchObject({ secret: '4' });
    expect(await refusalOf(() => write({ update: { data: 'which?' } }))).toMatchObject({ code: 'usage' });
    await expectEncrypted(database, 1);
    expect(await write({ delete: true })).toBeNull();
    expect(await write({ upsert: { create: { secret: '5' }, update: { secret: 'no' } } })).toMatchObject({ secret: '5' });
    await prisma.vault['create']!({ data: { secret: '6', organization: { connect: { id: 'globex' } } } });
    await prisma.vault['update']!({ where: { orgId: 'globex' }, data: { secret: '7', organization: { update: { signingKey: '8' } } } });
    expect(await prisma.vault['findMany']!({ orderBy: { orgId: 'asc' }, select: { secret: true, organization: { select: { signingKey: true } } } })).toEqual([
      { secret: '5', organization: { signingKey: null } },
      { secret: '7', organization: { signingKey: '8' } },
    ]);
    for (const vault of [{ connect: { orgId: 'globex' } }, { disconnect: true }, { connectOrCreate: { where: { orgId: 'globex' }, create: {} } }]) expect(await refusalOf(() => write(vault))).toMatchObject({ code: 'invalid-context' });
    await expectEncrypted(database, 3);
  });

  test('[B4] the context of a create is taken from its data, from what it connects, and from the row that it is nested in', async () => {
    const database = await open();
    const prisma = database.attach();
    const ways = [
      { data: { orgId: 'acme', name: '1', deployKey: 'k' } },
      { data: { organization: { connect: { id: 'acme' } }, name: '2', deployKey: 'k' } },
      { data: { organization: { connectOrCreate: { where: { id: 'acme' }, create: { id: 'acme', name: 'A' } } }, name: '3', deployKey: 'k' } },
      { data: { organization: { create: { id: 'initech', name: 'I', signingKey: 'k' } }, name: '4', deployKey: 'k' } },
      { data: { orgId: 'acme', name: '5', deployKey: 'k', children: { create: { orgId: 'globex', name: '6', deployKey: 'k' } } } },
    ];
    for (const way of ways) await prisma.project['create']!(way);
    await prisma.project['update']!({ where: { named: { orgId: 'acme', name: '1' } }, data: { deployKey: 'k' } });
    await prisma.project['update']!({ where: { id: 1, AND: [{ organization: { is: { id: { equals: 'acme' } } } }] }, data: { deployKey: 'k' } });
    await prisma.project['updateMany']!({ where: { organization: { id: 'globex' } }, data: { deployKey: 'k' } });
    expect(await prisma.project['updateManyAndReturn']!({ where: { orgId: 'acme', name: { in: ['2', '3'] } }, data: { deployKey: 'n' }, select: { deployKey: true } })).toEqual([{ deployKey: 'n' }, { deployKey: 'n' }]);
    const found = (await prisma.project['findMany']!({ orderBy: { id: 'asc' } })) as { deployKey: string }[];
    expect(found.map(({ deployKey }) => deployKey)).toEqual(['k', 'n', 'n', 'k', 'k', 'k']);
    await expectEncrypted(database, 7);
  });

  test('[B4] a write that does not say the context is refused, told what to name, and nothing is stored', async () => {
    const database = await open();
    const prisma = database.attach();
    await makeTree(prisma);
    const before = await database.stored();
    const attempts: [string, () => Promise<unknown>][] = [
      ['update', () => prisma.project['update']!({ where: { id: 10 }, data: { deployKey: 'x' } })],
      ['update by a filter', () => prisma.project['update']!({ where: { id: 10, orgId: { in: ['initech'] } }, data: { deployKey: 'x' } })],
      ['update without regard to case', () => prisma.project['update']!({ where: { id: 10, orgId: { equals: 'INITECH', mode: 'insensitive' } }, data: { deployKey: 'x' } })],
      ['update in an OR', () => prisma.project['update']!({ where: { id: 10, OR: [{ orgId: 'initech' }, { orgId: 'acme' }] }, data: { deployKey: 'x' } })],
      ['update of what is elsewhere', () => prisma.project['update']!({ where: { id: 10, organization: { isNot: { id: 'acme' } } }, data: { deployKey: 'x' } })],
      ['update of what is not there', () => prisma.project['update']!({ where: { id: 10, NOT: { orgId: 'acme' } }, data: { deployKey: 'x' } })],
      ['updateMany', () => prisma.project['updateMany']!({ where: {}, data: { deployKey: 'x' } })],
      ['upsert', () => prisma.project['upsert']!({ where: { id: 10 }, create: { orgId: 'acme', name: 'n', deployKey: 'x' }, update: { deployKey: 'x' } })],
      ['a key of the database', () => prisma.project['create']!({ data: { orgId: 'acme', name: 'n', environments: { create: { id: 'n', name: 'n', secret: 'x' } } } })],
      ['connected by another field', () => prisma.environment['create']!({ data: { id: 'n', name: 'n', secret: 'x', project: { connect: { named: { orgId: 'initech', name: 'site' } } } } })],
      ['either of two', () => prisma.project['create']!({ data: { name: 'n', deployKey: 'x', organization: { connectOrCreate: { where: { id: 'acme' }, create: { id: 'other', name: 'o' } } } } })],
    ];
    for (const [title, attempt] of attempts) {
      const refusal = await refusalOf(attempt);
      expect(refusal.code, title).toBe('invalid-context');
      expect(refusal.message, title).toMatch(/is bound to (orgId|projectId)/);
      expect(refusal.hint, title).toMatch(/orgId|projectId/);
    }
    expect(await database.stored()).toEqual(before);
  });

  test('[B4] every way to change a context without its values is refused, also from the other side of a relation', async () => {
    const database = await open();
    const prisma = database.attach();
    await makeTree(prisma);
    const before = await database.stored();
    const inProject = { where: { id: 10 } };
    const attempts: (() => Promise<unknown>)[] = [
      () => prisma.project['update']!({ ...inProject, data: { orgId: 'acme' } }),
      () => prisma.project['update']!({ ...inProject, data: { orgId: { set: 'acme' } } }),
      () => prisma.project['update']!({ ...inProject, data: { organization: { connect: { id: 'acme' } } } }),
      () => prisma.project['update']!({ ...inProject, data: { organization: { create: { id: 'n', name: 'n' } } } }),
      () => prisma.project['updateMany']!({ data: { orgId: 'acme' } }),
      () => prisma.environment['update']!({ where: { id: 'e1' }, data: { projectId: { increment: 1 } } }),
      () => prisma.environment['update']!({ where: { id: 'e1', projectId: 10 }, data: { name: 'renamed' } }),
      // Carried over by ON UPDATE CASCADE.
      () => prisma.organization['update']!({ where: { id: 'initech' }, data: { id: 'renamed' } }),
      () => prisma.project['update']!({ ...inProject, data: { organization: { update: { id: 'renamed' } } } }),
      () => prisma.project['update']!({ ...inProject, data: { id: 11 } }),
      () => prisma.organization['update']!({ where: { id: 'acme' }, data: { projects: { connect: { id: 10 } } } }),
      () => prisma.organization['update']!({ where: { id: 'acme' }, data: { projects: { set: [{ id: 10 }] } } }),
      () => prisma.organization['create']!({ data: { id: 'n', name: 'n', projects: { connect: [{ id: 10 }] } } }),
      () => prisma.organization['update']!({ where: { id: 'acme' }, data: { projects: { connectOrCreate: { where: { id: 10 }, create: { name: 'n' } } } } }),
    ];
    for (const [index, attempt] of attempts.entries()) expect(await refusalOf(attempt), `attempt ${index}`).toMatchObject({ code: 'invalid-context' });
    expect(await database.stored()).toEqual(before);
    // What changes nothing is no change; what brings the values is no loss.
    await prisma.project['update']!({ where: { id: 10, orgId: 'initech' }, data: { orgId: 'initech', name: 'same' } });
    await prisma.environment['update']!({ where: { id: 'e1' }, data: { name: 'renamed', projectId: 10, secret: 'anew' } });
    await prisma.project['update']!({ where: { id: 10 }, data: { deployKey: 'anew', organization: { connect: { id: 'acme' } } } });
    expect(await prisma.project['findUnique']!({ where: { id: 10 }, include: { environments: true } })).toMatchObject({ orgId: 'acme', deployKey: 'anew' });
  });

  test('[B4] an upsert that names another organization than the row has does not write to it', async () => {
    const database = await open();
    const prisma = database.attach();
    await prisma.connection['create']!({ data: { id: 1, orgId: 'globex', botToken: 'theirs' } });
    const upsert = (): Promise<unknown> => prisma.connection['upsert']!({ where: { id: 1, orgId: 'acme' }, create: { id: 1, orgId: 'acme', botToken: 'mine' }, update: { botToken: 'mine' } });
    expect(await refusalOf(upsert)).toMatchObject({ code: 'conflict', message: expect.stringContaining('nothing was written') as string });
    expect(await prisma.connection['findUnique']!({ where: { id: 1 } })).toMatchObject({ orgId: 'globex', botToken: 'theirs' });
  });

  test('a value that does not encrypt leaves nothing of its call, and the caller keeps his arguments as they were', async () => {
    const database = await open();
    const prisma = database.attach();
    const good = { id: 1, orgId: 'acme', botToken: 'fine' };
    const data = [good, { id: 2, orgId: 'acme', botToken: 'half \ud800' }];
    expect(await refusalOf(() => prisma.connection['createMany']!({ data }))).toMatchObject({ code: 'invalid-text' });
    await prisma.connection['create']!({ data: good });
    expect(good).toEqual({ id: 1, orgId: 'acme', botToken: 'fine' });
    await expectEncrypted(database, 1);
  });

  test('what is left out stays out: undefined and Prisma.skip', async () => {
    const database = await open();
    const prisma = database.attach();
    const { Prisma } = await generatedModule();
    await prisma.connection['create']!({ data: { id: 1, orgId: 'acme', botToken: undefined, label: 'l', settings: Prisma.DbNull } });
    await prisma.connection['create']!({ data: { id: 2, orgId: 'acme', botToken: 'kept' } });
    await prisma.connection['update']!({ where: { id: 2 }, data: { botToken: undefined, certificate: undefined, orgId: undefined, label: 'l' } });
    if (Prisma.skip !== undefined) await prisma.connection['update']!({ where: { id: 2 }, data: { botToken: Prisma.skip } });
    expect(await prisma.connection['findUnique']!({ where: { id: 2 } })).toMatchObject({ botToken: 'kept', label: 'l' });
    await expectEncrypted(database, 1);
  });

  test('createManyAndReturn and delete give plain values; upsert encrypts the branch that happens', async () => {
    const database = await open();
    const prisma = database.attach();
    expect(await prisma.connection['createManyAndReturn']!({ data: [{ id: 1, orgId: 'acme', botToken: 'a' }, { id: 2, orgId: 'globex', botToken: 'b' }], select: { id: true, botToken: true } })).toEqual([
      { id: 1, botToken: 'a' },
      { id: 2, botToken: 'b' },
    ]);
    expect(await prisma.connection['upsert']!({ where: { id: 1, orgId: 'acme' }, create: { id: 1, orgId: 'acme', botToken: 'no' }, update: { botToken: 'yes' }, select: { botToken: true } })).toEqual({ botToken: 'yes' });
    expect(await prisma.connection['delete']!({ where: { id: 2 }, omit: { orgId: true } })).toEqual({ id: 2, label: null, botToken: 'b', certificate: null, settings: null, recoveryCode: null });
    await expectEncrypted(database, 1);
  });

  test('transactions of a list: a refused one takes the others with it, and decrypted results come in order', async () => {
    const database = await open();
    const prisma = database.attach();
    const create = (id: number): Promise<unknown> => prisma.connection['create']!({ data: { id, orgId: 'acme', botToken: `t${id}` } });
    expect(await refusalOf(() => prisma.$transaction([create(1), prisma.connection['update']!({ where: { id: 1 }, data: { botToken: 'x' } })]))).toMatchObject({ code: 'invalid-context' });
    await expectEncrypted(database, 0);
    expect(await prisma.$transaction([create(1), create(2), prisma.connection['count']!()])).toMatchObject([{ botToken: 't1' }, { botToken: 't2' }, 2]);
    await expectEncrypted(database, 2);
  });

  test('[B4] an UPDATE has the context in its condition, in nested writes, too: a row that moves in between is not written to', async () => {
    const database = await open();
    const prisma = database.attach();
    await prisma.connection['create']!({ data: { id: 1, orgId: 'acme', botToken: 'a' } });
    database.logged.length = 0;
    await prisma.connection['update']!({ where: { id: 1, orgId: 'acme' }, data: { botToken: 'b' } });
    const update = { where: { id: 1 }, data: { botToken: 'c' } };
    const nested = [{ update }, { update: { where: { id: 1, AND: { label: null } }, data: { botToken: 'd' } } }, { upsert: { where: { id: 1 }, create: { id: 1 }, update: { botToken: 'e' } } }];
    for (const connections of nested) await prisma.organization['update']!({ where: { id: 'acme' }, data: { connections } });
    await prisma.connection['updateMany']!({ where: { orgId: 'acme' }, data: { recoveryCode: null } });
    const updates = database.logged.filter((line) => line.startsWith('UPDATE'));
    expect(updates.map((line) => /WHERE .*"org_id" = /.test(line))).toEqual([true, true, true, true, true]);
    expect(await prisma.connection['findUnique']!({ where: { id: 1 } })).toMatchObject({ botToken: 'e' });
  });
});
