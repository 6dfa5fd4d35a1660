/** Keys as reports show them: by name and fingerprint, never their bytes. */
import { fernetFingerprint } from '@lockfast/core/formats';
import type { FernetKey, KeyRing } from '@lockfast/core/keyring';

import type { ConfiguredColumn } from './declared.ts';

const FERNET_KEY_OF = /^ring:(.+)$/;

export interface NamedKey {
  /** The id of a key of the ring, `ring:ID` for the Fernet key that belongs to it, or the URI of another Fernet key. */
  readonly name: string;
  readonly fingerprint: string;
}

/** The id of the key of the ring that a name is of, whether the key's own or that of its Fernet key; any other name as it is. */
export function keyIdIn(name: string): string {
  return FERNET_KEY_OF.exec(name)?.[1] ?? name;
}

/** What values of the column are written under now. */
export function presentKey({ format }: ConfiguredColumn, ring: KeyRing, fernetKeys: readonly FernetKey[]): NamedKey {
  return format === 'fernet' ? ofFernet(fernetKeys[0]!) : ofRing(ring.active().id, ring);
}

/**
 * The keys that values of the column may still be under.
 *
 * @param found the ids of ring keys that values name
 * @param hasFernet whether there are Fernet tokens, which name no key
 */
export function otherKeys(column: ConfiguredColumn, ring: KeyRing, fernetKeys: readonly FernetKey[], found: readonly string[], hasFernet: boolean): NamedKey[] {
  const present = presentKey(column, ring, fernetKeys).name;
  const known = new Set(ring.keys.map(({ id }) => id));
  const all = [...found.filter((id) => known.has(id)).map((id) => ofRing(id, ring)), ...(hasFernet ? fernetKeys.map(ofFernet) : [])];
  return all.filter(({ name }) => name !== present);
}

function ofRing(id: string, ring: KeyRing): NamedKey {
  return { name: id, fingerprint: ring.keys.find((key) => key.id === id)!.fingerprint };
}

function ofFernet({ name, key }: FernetKey): NamedKey {
  return { name, fingerprint: fernetFingerprint(key) };
}
