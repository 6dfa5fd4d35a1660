/** Whose signature under a checkpoint counts, by the key ring: what stands open in a store could be anybody's. */
import { parseCheckpoint } from './checkpoint.ts';
import { type LedgerKeyHolder, unwrapLedgerSigner } from './ledger-signer.ts';
import { verifierKey, verifyNote } from './signed-note.ts';
import type { LedgerStore } from './stores/store.ts';

/** Raw public keys of those who signed, and whose seed this ring wrapped. @throws LockfastError `ledger-unavailable` */
export async function provenSigners(store: LedgerStore, ring: LedgerKeyHolder): Promise<readonly Buffer[]> {
  return (await store.signers()).filter((signer) => unwrapLedgerSigner(signer, ring, store.logId) !== undefined).map(({ publicKey }) => publicKey);
}

/** Whether the ledger signed the note with one of `publicKeys`. False for what is no checkpoint, or forged. */
export function signedBy(note: string, publicKeys: readonly Uint8Array[]): boolean {
  try {
    const { origin } = parseCheckpoint(note);
    return verifyNote(note, publicKeys.map((key) => verifierKey('signature', origin, key))).length > 0;
  } catch {
    return false;
  }
}
