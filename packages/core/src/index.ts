export * from './env/dialects/index.ts';
export * from './env/index.ts';
export * from './audited.ts';
export * from './errors.ts';
export * from './files/index.ts';
export * from './formats/index.ts';
export * from './keyring/index.ts';
export * from './ports.ts';
