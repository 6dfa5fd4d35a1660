import { lockfastPrisma } from '@lockfast/columns/prisma';
import { PrismaPg } from '@prisma/adapter-pg';

import { PrismaClient } from './client/client.ts';

export function openStore(url, { botToken, accessToken }) {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url }) }).$extends(
    lockfastPrisma({ columns: { SlackConnection: { botToken }, ConfluenceConnection: { accessToken } } }),
  );
  return Promise.resolve({
    addSlack: async (row) => await prisma.slackConnection.create({ data: row }),
    addConfluence: async (row) => await prisma.confluenceConnection.create({ data: row }),
    renewSlack: async ({ id, orgId, botToken: token }) => await prisma.slackConnection.update({ where: { id, orgId }, data: { botToken: token } }),
    slack: async () => await prisma.slackConnection.findMany({ orderBy: { id: 'desc' }, take: 5 }),
    confluence: async () => await prisma.confluenceConnection.findMany({ orderBy: { id: 'desc' }, take: 5 }),
    close: async () => await prisma.$disconnect(),
  });
}
