/** A key ring as an application has one open. */
import type { KeySource } from '@lockfast/core';
import { KeyRing, Secret } from '@lockfast/core/keyring';

/** It wraps nothing, since no ring of a measurement is kept. */
const SOURCE: KeySource = {
  uri: 'bench:',
  wrap: (key) => Promise.resolve(key.use((bytes) => bytes.toString('hex'))),
  unwrap: (wrapped) => Promise.resolve(new Secret(Buffer.from(wrapped, 'hex'))),
};

export function newRing(): Promise<KeyRing> {
  return KeyRing.create('production', [SOURCE]);
}
