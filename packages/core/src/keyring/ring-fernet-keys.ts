import { fernetKeyOf } from '../formats/fernet-key.ts';
import type { KeyId } from '../formats/key-id.ts';
import type { KeyRing } from './key-ring.ts';
import type { Secret } from './secret.ts';

/** A Fernet key, and how reports name it. */
export interface FernetKey {
  /** `ring:` and the id of its data key, or where it was read from: `env:ENCRYPTION_KEY`. Never a secret. */
  readonly name: string;
  /** 32 bytes. */
  readonly key: Secret;
  /** The data key that it belongs to, where it is the ring's. */
  readonly keyId?: KeyId;
}

/**
 * The Fernet keys of the ring's usable data keys: the active one, which encrypts, then the others, the newest first.
 *
 * @throws LockfastError `missing-key` without an active key, and as `KeyRing.decrypting`
 */
export function ringFernetKeys(ring: KeyRing): readonly FernetKey[] {
  const active = ring.active().id;
  const others = ring.keys.filter(({ id, state }) => id !== active && (state === 'staged' || state === 'draining')).map(({ id }) => id);
  return [active, ...others.toReversed()].map((id) => ({ name: `ring:${id}`, key: fernetKeyOf(ring.decrypting(id), ring.environment), keyId: id }));
}
