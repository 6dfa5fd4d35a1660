export { expandPath, fileRootKey, readSecretFile } from './file.ts';
export { readFernetKeys } from './fernet-keys.ts';
export { KEY_RING_CHANNEL, type KeyRingMessage } from '@lockfast/core/keyring';
export { openKeyRing, type OpenMode, type RingLocation } from './open-key-ring.ts';
export { passphraseFile, PassphraseSource } from './passphrase.ts';
export { makeShares, readShare, type RecoveryShares, type ShareLabel, sharesSource } from './shares.ts';
export { RootKeySource } from './root-key-source.ts';
export { keySource } from './sources.ts';
export type { Surroundings } from './surroundings.ts';
