import { adapterContract } from '../contract/adapter-contract.ts';
import { TYPEORM } from './adapter.ts';

adapterContract(TYPEORM);
