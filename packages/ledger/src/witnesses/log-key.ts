/** How ledgers and witnesses tell each other their keys. C2SP signed-note, verifier keys. */
import { printVerifierKey, publicKeyOf, verifierKey } from '../signed-note.ts';
import type { WitnessKey } from './witness-key.ts';

/** The line that a witness needs of a ledger, without a newline. The key's name is the origin. */
export function originLine(origin: string, publicKey: Uint8Array): string {
  return `${origin} ${printVerifierKey(verifierKey('signature', origin, publicKey))}`;
}

/** What the configuration of a ledger needs of a witness. */
export function witnessVerifierKey({ name, privateKey }: WitnessKey): string {
  return printVerifierKey(verifierKey('cosignature', name, publicKeyOf(privateKey)));
}
