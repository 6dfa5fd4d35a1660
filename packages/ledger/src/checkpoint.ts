/** C2SP tlog-checkpoint: how many entries a ledger has, and the root of its tree, signed. `docs/formats/ledger.md`. */
import type { KeyObject } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';

import { type Checkpoint, parseCheckpointText, printCheckpoint } from './checkpoint-text.ts';
import { noteText, signNote, verifierKey, type VerifiedSignature, type VerifierKey, verifyNote } from './signed-note.ts';

export interface OpenedCheckpoint extends Checkpoint {
  readonly signatures: readonly VerifiedSignature[];
}

/** The note that the ledger itself signs, under its origin. @throws LockfastError `invalid-name` for an origin that is no name */
export function signCheckpoint(checkpoint: Checkpoint, privateKey: KeyObject): string {
  return signNote(printCheckpoint(checkpoint), checkpoint.origin, privateKey);
}

/** What a note says, whoever signed it. @throws LockfastError `malformed` */
export function parseCheckpoint(note: string): Checkpoint {
  return parseCheckpointText(noteText(note));
}

/**
 * What a note says that the ledger itself signed.
 *
 * @param publicKeys of the ledger, raw; one of them signed under the origin
 * @param witnesses whose cosignatures count, and which must then be right
 * @throws LockfastError `malformed`; `ledger-tampered` when none of the keys signed it, or one did not that it names
 */
export function openCheckpoint(note: string, publicKeys: readonly Uint8Array[], witnesses: readonly VerifierKey[]): OpenedCheckpoint {
  const checkpoint = parseCheckpoint(note);
  const own = publicKeys.map((publicKey) => verifierKey('signature', checkpoint.origin, publicKey));
  const signatures = verifyNote(note, [...own, ...witnesses]);
  if (!signatures.some(({ key }) => own.includes(key))) {
    throw new LockfastError('ledger-tampered', 'a checkpoint is not signed by a key of its ledger', 'compare the key with the one on the machine of the ledger: `lockfast ledger witness list`');
  }
  return { ...checkpoint, signatures };
}
