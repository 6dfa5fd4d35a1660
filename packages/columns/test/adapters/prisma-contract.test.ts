import { adapterContract } from '../contract/adapter-contract.ts';
import { openPrisma } from './prisma/session.ts';

adapterContract({ name: 'Prisma', lacks: {}, open: openPrisma });
