export { EncryptedType, encryptedType } from './encrypted-type.ts';
export { protectSequelize } from './protect.ts';
export type { ProtectedSequelize } from './sequelize-shapes.ts';
