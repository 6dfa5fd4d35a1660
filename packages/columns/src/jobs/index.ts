export * from './database.ts';
export * from './stub.ts';
