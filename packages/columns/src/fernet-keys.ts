import { type FernetKey, type KeyRing, ringFernetKeys } from '@lockfast/core/keyring';

/**
 * The Fernet keys of a column.
 *
 * @param given those of its definition, if any
 * @param live whether the ring is replaced by its newer versions: then the ring's own keys among `given`, which were read
 *   once, give way to those that the ring has now, in the place of the first of them
 */
export function columnFernetKeys(ring: KeyRing, given: readonly FernetKey[] | undefined, live: boolean): readonly FernetKey[] {
  if (given === undefined) return ringFernetKeys(ring);
  const first = given.findIndex(({ keyId }) => keyId !== undefined);
  if (!live || first === -1) return given;
  return [...given.slice(0, first), ...ringFernetKeys(ring), ...given.slice(first).filter(({ keyId }) => keyId === undefined)];
}
