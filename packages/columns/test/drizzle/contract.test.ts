import { adapterContract } from '../contract/adapter-contract.ts';
import { DRIZZLE } from './adapter.ts';

adapterContract(DRIZZLE);
