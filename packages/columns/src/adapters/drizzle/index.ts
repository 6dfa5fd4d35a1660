export { boundColumnType, type BoundValuesOf, columnType, type ColumnType, type ValuesOf } from './column-type.ts';
export type { DrizzleTable } from './bound-columns.ts';
export { EncryptedValue, type Opened, type OpenedRow } from '../encrypted-value.ts';
export { decryptRow, decryptRows, encryptChanges, encryptRow, encryptRows } from './rows.ts';
