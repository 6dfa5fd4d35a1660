import { adapterContract } from '../contract/adapter-contract.ts';
import { SEQUELIZE } from './adapter.ts';

adapterContract(SEQUELIZE);
