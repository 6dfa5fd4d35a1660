import { adapterContract } from '../contract/adapter-contract.ts';
import { openPrisma } from './prisma/session.ts';

adapterContract({ name: 'Prisma', databases: { postgres: {} }, open: async ({ url }, columns, log) => await openPrisma(url, columns, log) });
