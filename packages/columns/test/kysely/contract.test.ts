import { adapterContract } from '../contract/adapter-contract.ts';
import { KYSELY } from './adapter.ts';

adapterContract(KYSELY);
