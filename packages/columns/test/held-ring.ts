/** Key rings for tests, whose root key is held here. */
import { randomBytes } from 'node:crypto';

import { KeyRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import { type Clock, type KeySource, systemClock } from '@lockfast/core/ports';

/** @param bytes 32; the same ones open a ring that another process wrote */
export function heldSource(bytes: Buffer = randomBytes(32)): KeySource {
  const rootKey = (): Secret => new Secret(Buffer.from(bytes));
  return {
    uri: 'file:root.key',
    wrap: async (key, binding) => wrapKey(rootKey(), 'lockfast/ring-wrap', key, binding),
    unwrap: async (wrapped, binding) => unwrapKey(rootKey(), 'lockfast/ring-wrap', wrapped, binding),
  };
}

export function heldRing(environment = 'production', clock: Clock = systemClock): Promise<KeyRing> {
  return KeyRing.create(environment, [heldSource()], clock);
}

/** The ring with another active key; the one before drains. */
export function rotatedRing(ring: KeyRing): KeyRing {
  const grown = ring.withNewKey();
  return grown.withActive(grown.keys.at(-1)!.id);
}

/** A clock that stands still until it is set. */
export class SetClock implements Clock {
  time: number;

  constructor(time: number) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }
}
