import { fernetKeyOf } from '@lockfast/core/formats';
import type { KeyRing, KeyState } from '@lockfast/core/keyring';

import type { FernetKey } from './fernet-format.ts';

const STILL_DECRYPTS: readonly KeyState[] = ['draining', 'staged'];

/** The Fernet keys that belong to the keys of a ring: that of the active one first, then those that still decrypt. @throws LockfastError `missing-key` */
export function ringFernetKeys(ring: KeyRing): FernetKey[] {
  const others = STILL_DECRYPTS.flatMap((state) => ring.keys.filter((key) => key.state === state).map(({ id }) => ring.decrypting(id)));
  return [ring.active(), ...others].map((key) => ({ name: `ring:${key.id}`, key: fernetKeyOf(key, ring.environment) }));
}
