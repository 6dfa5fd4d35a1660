export { canonicalJson, type Json, parseJson } from './canonical-json.ts';
export type { Context, ContextValue } from './context.ts';
export type { DataKey, DataKeys } from './data-keys.ts';
export { type Derivation, HKDF, PBKDF2_ITERATIONS } from './derivation.ts';
export { Fernet, type FernetLimits, generateFernetKey, looksLikeFernet, parseFernetKey } from './fernet.ts';
export { isKeyId, type KeyId, newKeyId } from './key-id.ts';
export { lengthPrefixed } from './length-prefix.ts';
export { type Encrypted, isEncrypted, keyIdOf } from './lfv1.ts';
export { type DecryptLimits, ValueCipher, type ValueScope } from './value-cipher.ts';
