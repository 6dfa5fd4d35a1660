import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';

import { readRing } from '../ring-document.ts';

/** The keys of the ring at a path that another one does not have, whether it opens or not. None for a ring that is damaged, or not there. */
export function keysLacking(ring: KeyRing, keyring: string): string[] {
  try {
    const present = readRing(keyring);
    // Ids are a ring's own: of another ring none is the same key.
    const given = new Set(present.ring === ring.version.ring ? ring.keys.filter(({ wrapped }) => wrapped !== '').map(({ id }) => id) : []);
    return present.keys.filter(({ id, wrapped }) => wrapped !== '' && !given.has(id)).map(({ id }) => id);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return [];
  }
}
