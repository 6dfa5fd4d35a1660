/** The newest version of each key ring that this machine saw, in the state directory: one small file a ring. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, withFileLock, writeDurably } from '@lockfast/core/files';
import type { RingVersion } from '@lockfast/core/keyring';

/** An older ring that someone went on with on purpose. */
export interface Acceptance {
  readonly time: string;
  readonly actor: string;
  readonly reason: string;
  /** The generation of the ring that was accepted, and the one above which it was issued anew. */
  readonly generation: number;
  readonly above: number;
}

interface Floor extends RingVersion {
  readonly accepted?: readonly Acceptance[];
}

export function readFloor(stateDirectory: string, ring: string): Floor | undefined {
  try {
    return JSON.parse(readFileSync(floorFile(stateDirectory, ring), 'utf8')) as Floor;
  } catch (error) {
    // Not seen before, or not ours to read: a machine that never saw a newer ring can't tell, and that is not claimed.
    if (['ENOENT', 'EACCES', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw new LockfastError('damaged', 'the note of the newest key ring in the state directory is damaged', `look at ${floorFile(stateDirectory, ring)} and remove it`);
  }
}

/**
 * Remembers `version` if it is newer than what is known. Where the state directory can't be written, as in a read-only
 * container, nothing is remembered and nothing fails: reading must work there.
 */
export async function raiseFloor(stateDirectory: string, version: RingVersion, acceptance?: Acceptance): Promise<void> {
  try {
    const file = floorFile(stateDirectory, version.ring);
    ensureDirectory(join(stateDirectory, 'rings'));
    await withFileLock(stateDirectory, file, () => {
      const now = readFloor(stateDirectory, version.ring);
      if (acceptance === undefined && now !== undefined && now.generation >= version.generation) return;
      const accepted = [...(now?.accepted ?? []), ...(acceptance === undefined ? [] : [acceptance])];
      const bytes = Buffer.from(`${JSON.stringify({ ...version, ...(accepted.length === 0 ? {} : { accepted }) }, null, 2)}\n`);
      writeDurably({ path: file, bytes, mode: 0o600, expected: 'anything' });
    });
  } catch (error) {
    if (acceptance !== undefined) throw error;
  }
}

function floorFile(stateDirectory: string, ring: string): string {
  return join(stateDirectory, 'rings', `${ring}.json`);
}
