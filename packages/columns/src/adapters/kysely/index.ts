export { type ColumnsOfTables, inJson, JsonColumn } from './encrypted-tables.ts';
export { type EncryptingPlugin, lockfastKysely } from './plugin.ts';
