export { encryptChanges } from './changes.ts';
export { ColumnTransformer, encryptedColumn, type EncryptedColumnOptions } from './column-options.ts';
export { protectDataSource } from './data-source.ts';
export type { TypeormDataSource } from './typeorm-shapes.ts';
