export { expandPath } from './file.ts';
export { openKeyRing, type RingLocation } from './open-key-ring.ts';
export { passphraseFile, PassphraseSource } from './passphrase.ts';
export { keySource } from './sources.ts';
export type { Surroundings } from './surroundings.ts';
