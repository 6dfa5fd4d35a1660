import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import type { KeySource } from '@lockfast/core/ports';
import { keySource, type Surroundings } from '@lockfast/keys';

/** The key sources that would stay when `without` goes: those that can wrap from here, and the others by name. */
export interface RemainingSources {
  readonly reached: readonly KeySource[];
  readonly missed: readonly string[];
}

/** Each is tried on a key that is thrown away: a new ring key can be wrapped only for sources at hand. */
export async function remainingSources(ring: KeyRing, without: readonly string[], surroundings: Surroundings): Promise<RemainingSources> {
  const reached: KeySource[] = [];
  const missed: string[] = [];
  for (const uri of new Set(ring.sources.map(({ source }) => source).filter((source) => !without.includes(source)))) {
    try {
      const candidate = keySource(uri, surroundings);
      await candidate.wrap(ring.active().secret, Buffer.alloc(0));
      reached.push(candidate);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      missed.push(uri);
    }
  }
  return { reached, missed };
}

/** @throws LockfastError `source-unavailable` */
export function refuseUnreachable(missed: readonly string[], dropUnreachable: boolean): void {
  if (missed.length === 0 || dropUnreachable) return;
  throw new LockfastError(
    'source-unavailable',
    `${missed.join(', ')} can not be reached from here, and the ring's new key must be wrapped for it`,
    'run this where all key sources can be reached, or remove those too with --drop-unreachable and add them again',
  );
}
