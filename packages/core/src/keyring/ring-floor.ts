import { LockfastError } from '../errors.ts';
import type { RingVersion } from './key-ring.ts';

/**
 * Refuses a key ring that is older than one already seen: put back, it would bring back a retired key or a removed
 * source. What was seen stands in the state directory and in the header of every env file.
 *
 * @param where what has seen the newer one, for the message
 * @throws LockfastError `ring-older`
 */
export function refuseOlderRing(current: RingVersion, seen: RingVersion, where: string): void {
  if (seen.ring !== current.ring || current.generation > seen.generation) return;
  if (current.generation === seen.generation && current.digest === seen.digest) return;
  const older = current.generation < seen.generation;
  throw new LockfastError(
    'ring-older',
    older
      ? `the key ring is of generation ${current.generation}, but ${where} has seen generation ${seen.generation}`
      : `the key ring differs from the one of the same generation ${seen.generation} that ${where} has seen`,
    `take the newer key ring, in git from the branch that has it; to go on with this one on purpose: lockfast key accept-older --above ${seen.generation} --reason WHY`,
  );
}
