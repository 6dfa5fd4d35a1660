/** What an application asks of its key ring before it starts in production: better no start than one that can't encrypt. */
import { randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import type { OpenedFile } from '@lockfast/core/files';
import type { KeyId } from '@lockfast/core/formats';
import type { KeyRing } from '@lockfast/core/keyring';

/** Write permission of group and others: who may replace the ring by an older one must be its owner. */
const OTHERS_WRITE = 0o022;

/** @param where how errors name the ring's file. @throws LockfastError `permission-denied` */
export function refuseOthersWriting({ mode }: OpenedFile, where: string): void {
  if ((mode & OTHERS_WRITE) === 0) return;
  throw new LockfastError('permission-denied', `${where}: others can write the key ring`, `run: chmod go-w ${where}`);
}

/**
 * @param environment the one that the application runs in
 * @param inUse the key that it encrypts with already, if any: it encrypts no worse with it once that is known to be
 *   compromised, and the ring that says so may hold the key that takes over
 * @throws LockfastError `wrong-environment`, `missing-key` without an active key, `key-not-usable` for a compromised one,
 *   and what encrypting and decrypting throw
 */
export function refuseUnfitRing(ring: KeyRing, environment: string, inUse?: KeyId): void {
  if (ring.environment !== environment) {
    throw new LockfastError(
      'wrong-environment',
      `the key ring is of the environment ${ring.environment}, and this is ${environment}`,
      `give this application the key ring and the root key of ${environment}`,
    );
  }
  const { id } = ring.active();
  if (id !== inUse && ring.keys.some((key) => key.id === id && key.compromised !== null)) {
    throw new LockfastError('key-not-usable', `the active key ${id} is marked as compromised`, 'rotate with `lockfast key rotate`, and bring the new key ring here');
  }
  probe(ring, id);
}

/** Encrypts and decrypts a value that nobody needs. Reading the ring alone would not show that the cryptography works here. */
function probe(ring: KeyRing, id: string): void {
  const value = randomBytes(32);
  const context = { place: ['lockfast/probe'] };
  const encrypted = ring.cipher({ purpose: 'probe' }).encrypt(value, context);
  // With a cipher of its own, which derives everything anew.
  if (ring.cipher({ purpose: 'probe' }).decryptBytes(encrypted, context).equals(value)) return;
  throw new LockfastError('key-not-usable', `the active key ${id} does not decrypt what it encrypted`, 'check the memory and the Node of this machine');
}
