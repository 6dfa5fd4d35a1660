import { adapterContract } from '../contract/adapter-contract.ts';
import { DRIZZLE } from './adapter.ts';
import { DRIZZLE_MARIADB } from './mariadb.ts';
import { DRIZZLE_SQLITE } from './sqlite.ts';

adapterContract(DRIZZLE);
adapterContract(DRIZZLE_MARIADB);
adapterContract(DRIZZLE_SQLITE);
