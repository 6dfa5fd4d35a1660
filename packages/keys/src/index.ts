export { expandPath } from './file.ts';
export { openKeyRing, type RingLocation } from './open-key-ring.ts';
export { passphraseFile, PassphraseSource } from './passphrase.ts';
export { keySource, type Surroundings } from './sources.ts';
