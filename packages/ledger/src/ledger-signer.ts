/** The Ed25519 key that signs the checkpoints of one ledger. Its seed is kept in the ledger's store, wrapped under the key ring's own key. */
import { type KeyObject, randomBytes } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { lengthPrefixed } from '@lockfast/core/formats';
import { Secret } from '@lockfast/core/keyring';

import type { Checkpoint } from './checkpoint-text.ts';
import { signCheckpoint } from './checkpoint.ts';
import { privateKeyFrom, publicKeyOf } from './signed-note.ts';
import type { StoredSigner } from './stores/store.ts';

/** What of a key ring the ledger needs. */
export interface LedgerKeyHolder {
  /** Wraps 32 bytes under the ring's own key. `binding` is authenticated. */
  wrapForLedger(secret: Secret, binding: Uint8Array): string;
  /** @throws LockfastError when another key wrapped it, or it was altered */
  unwrapForLedger(wrapped: string, binding: Uint8Array): Secret;
}

export interface LedgerSigner {
  /** Raw 32 bytes. */
  readonly publicKey: Buffer;
  readonly seed: Secret;
}

export function newLedgerSigner(): LedgerSigner {
  // RFC 8032 section 5.1.5: any 32 random bytes are a seed.
  const seed = new Secret(randomBytes(32));
  return { publicKey: publicKeyOf(privateKeyOf(seed)), seed };
}

export function wrapLedgerSigner({ seed }: LedgerSigner, ring: LedgerKeyHolder, logId: string): string {
  return ring.wrapForLedger(seed, bindingOf(logId));
}

/** The signed note. */
export function signWith({ seed }: LedgerSigner, checkpoint: Checkpoint): string {
  return signCheckpoint(checkpoint, privateKeyOf(seed));
}

/** @returns undefined when this ring wrapped none of its wrappings */
export function unwrapLedgerSigner(stored: StoredSigner, ring: LedgerKeyHolder, logId: string): LedgerSigner | undefined {
  for (const wrapped of stored.wrapped.toReversed()) {
    try {
      const seed = ring.unwrapForLedger(wrapped, bindingOf(logId));
      // The public half lies open beside it, and may have been exchanged.
      if (publicKeyOf(privateKeyOf(seed)).equals(stored.publicKey)) return { publicKey: stored.publicKey, seed };
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
    }
  }
  return undefined;
}

function privateKeyOf(seed: Secret): KeyObject {
  return seed.use(privateKeyFrom);
}

function bindingOf(logId: string): Buffer {
  return lengthPrefixed(['lockfast/ledger-signer', logId]);
}
