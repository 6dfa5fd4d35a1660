import type { KeyRing } from './key-ring.ts';

/** A key ring that a running application replaces by its newer versions. `@lockfast/keys` opens it from a file. */
export interface LiveRing {
  /** The ring to use now. Whoever begins something asks once, and uses that one to its end. */
  current(): KeyRing;
  /**
   * For a value that no key of the current ring opens: looks whether there is a newer ring by now, but not for every such
   * value.
   *
   * @returns whether {@link current} gives a newer one than before
   */
  lookAgain(): boolean;
}

/** A ring for good, or one that is replaced by its newer versions. */
export type RingInUse = KeyRing | LiveRing;

export function currentRing(ring: RingInUse): KeyRing {
  return isLive(ring) ? ring.current() : ring;
}

export function isLive(ring: RingInUse): ring is LiveRing {
  return 'lookAgain' in ring;
}
