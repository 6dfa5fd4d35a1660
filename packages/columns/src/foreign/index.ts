export { Cloak, looksLikeCloak } from './cloak.ts';
export { FOREIGN_FORMATS, type ForeignFormat, type ForeignFormatName, type OpenedForeign } from './foreign-format.ts';
export type { ForeignKey } from './foreign-key.ts';
export { Lockbox } from './lockbox.ts';
export { looksLikeRails, Rails } from './rails.ts';
export { TypeormEncrypted } from './typeorm-encrypted.ts';
