/** Key rings for tests of jobs, whose root key is held here. */
import { randomBytes } from 'node:crypto';

import { KeyRing, Secret, unwrapKey, wrapKey } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';

/** @param bytes 32; the same ones open a ring that another process wrote */
export function heldSource(bytes: Buffer = randomBytes(32)): KeySource {
  const rootKey = (): Secret => new Secret(Buffer.from(bytes));
  return {
    uri: 'file:root.key',
    wrap: async (key, binding) => wrapKey(rootKey(), 'lockfast/ring-wrap', key, binding),
    unwrap: async (wrapped, binding) => unwrapKey(rootKey(), 'lockfast/ring-wrap', wrapped, binding),
  };
}

export async function aRing(environment = 'production'): Promise<KeyRing> {
  return await KeyRing.create(environment, [heldSource()]);
}

/** With another active key; the one before drains. */
export function rotated(ring: KeyRing): KeyRing {
  const known = new Set(ring.keys.map(({ id }) => id));
  const staged = ring.withNewKey();
  return staged.withActive(staged.keys.find(({ id }) => !known.has(id))!.id);
}
