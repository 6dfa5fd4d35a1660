import { adapterContract } from '../contract/adapter-contract.ts';
import { MIKRO_ORM } from './adapter.ts';

adapterContract(MIKRO_ORM);
