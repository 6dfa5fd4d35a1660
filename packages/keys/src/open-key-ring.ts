import { readRegularFile } from '@lockfast/core/files';
import { KeyRing, refuseOlderRing, type RingVersion } from '@lockfast/core/keyring';

import { expandPath } from './file.ts';
import { keySource } from './sources.ts';
import type { Surroundings } from './surroundings.ts';

export interface RingLocation {
  /** The key ring's file. */
  readonly path: string;
  /** Key source URIs, tried in order. */
  readonly sources: readonly string[];
  /** The newest version of this ring that was seen, if any is known. */
  readonly floor?: (ring: string) => RingVersion | undefined;
}

/**
 * Reads and opens a key ring.
 *
 * @throws LockfastError `not-found`, `permission-denied`, `invalid-source`, and as `KeyRing.open`; `ring-older`
 */
export async function openKeyRing({ path, sources, floor }: RingLocation, around: Surroundings): Promise<KeyRing> {
  const full = expandPath(path, around);
  const text = readRegularFile(full, 'follow').bytes.toString('utf8');
  const ring = await KeyRing.open(
    text,
    full,
    sources.map((uri) => keySource(uri, around)),
  );
  const seen = floor?.(ring.version.ring);
  if (seen !== undefined) refuseOlderRing(ring.version, seen, 'this machine');
  return ring;
}
