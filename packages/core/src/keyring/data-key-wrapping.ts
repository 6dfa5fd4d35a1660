/** The data keys, wrapped under the ring's own key RK. */
import { createHash } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { type KeyId, newKeyId } from '../formats/key-id.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import type { KeyRecord, RingDocument } from './ring-document.ts';
import { Secret } from './secret.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

/** What a wrapped data key is bound to, beside its own id. */
type Scope = Pick<RingDocument, 'ring' | 'environment'>;

/** A new staged key. @param taken ids that it must not have */
export function newDataKey(ringKey: Secret, scope: Scope, taken: ReadonlySet<KeyId>, now: string): KeyRecord {
  const id = newKeyId(taken);
  const secret = Secret.random();
  return {
    id,
    state: 'staged',
    created: now,
    activated: null,
    drained: null,
    retired: null,
    destroyed: null,
    compromised: null,
    fingerprint: fingerprintOf(secret),
    wrapped: wrapDataKey(ringKey, scope, id, secret),
  };
}

export function wrapDataKey(ringKey: Secret, scope: Scope, id: KeyId, secret: Secret): string {
  return wrapKey(ringKey, 'lockfast/key-wrap', secret, bindingOf(scope, id));
}

/** @throws LockfastError `ring-tampered` when it is not the key that the fingerprint names, and as `unwrapKey` */
export function unwrapDataKey(ringKey: Secret, scope: Scope, { id, wrapped, fingerprint }: KeyRecord): Secret {
  const secret = unwrapKey(ringKey, 'lockfast/key-wrap', wrapped, bindingOf(scope, id));
  if (fingerprintOf(secret) !== fingerprint) {
    throw new LockfastError('ring-tampered', `the key ${id} does not have the fingerprint that the key ring names`, 'restore the key ring from a backup');
  }
  return secret;
}

function bindingOf({ ring, environment }: Scope, id: KeyId): Buffer {
  return lengthPrefixed([ring, environment, id]);
}

/** As reports show a key. */
export function fingerprintOf(secret: Secret): string {
  return secret.use((bytes) => `sha256:${createHash('sha256').update('lockfast-fp').update(bytes).digest('hex')}`);
}
