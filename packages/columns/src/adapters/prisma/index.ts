export { type Extended, lockfastPrisma, type LockfastPrisma } from './extension.ts';
export type { ProtectedColumns } from './protected-fields.ts';
export type { RawPolicy } from './raw-sql.ts';
