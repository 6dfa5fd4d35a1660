import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { KeyRing, refuseOlderRing, type RingVersion } from '@lockfast/core/keyring';

import { expandPath } from './file.ts';
import { publishOpened, publishRefused } from './key-ring-news.ts';
import { refuseOthersWriting, refuseUnfitRing } from './production.ts';
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

/** How much is asked of the ring before it is handed out. */
export interface OpenMode {
  /**
   * For the start of an application: the ring must be of `environment`, its file writable by its owner alone, its active
   * key not compromised, and a value must encrypt and decrypt with it. False: as without a mode.
   */
  readonly production: boolean;
  /** `production` unless given. */
  readonly environment?: string;
}

/**
 * Reads and opens a key ring. What came of it is published on the diagnostics channel `lockfast:keyring`.
 *
 * @throws LockfastError `not-found`, `permission-denied`, `invalid-source`, and as `KeyRing.open`; `ring-older`. In production
 *   also `ring-missing` in place of `not-found`, `wrong-environment`, `missing-key`, `key-not-usable`
 */
export async function openKeyRing(location: RingLocation, around: Surroundings, mode?: OpenMode): Promise<KeyRing> {
  let ring: KeyRing | undefined;
  const production = mode?.production === true;
  try {
    ring = await read(location, around, production);
    if (production) refuseUnfitRing(ring, mode.environment ?? 'production');
  } catch (error) {
    publishRefused(error, ring);
    throw error;
  }
  publishOpened(ring);
  return ring;
}

async function read({ path, sources, floor }: RingLocation, around: Surroundings, production: boolean): Promise<KeyRing> {
  const { text, where } = readRingFile(path, around, production);
  const ring = await KeyRing.open(
    text,
    where,
    sources.map((uri) => keySource(uri, around)),
  );
  const seen = floor?.(ring.version.ring);
  if (seen !== undefined) refuseOlderRing(ring.version, seen, 'this machine');
  return ring;
}

/**
 * @param path the key ring's file
 * @returns its text, and how errors name it
 * @throws LockfastError as `readRegularFile`; in production `ring-missing` in place of `not-found`, `permission-denied` where others can write it
 */
export function readRingFile(path: string, around: Surroundings, production: boolean): { readonly text: string; readonly where: string } {
  const full = expandPath(path, around);
  const file = production ? readNeeded(full) : readRegularFile(full, 'follow');
  if (production) refuseOthersWriting(file, full);
  return { text: file.bytes.toString('utf8'), where: full };
}

function readNeeded(path: string): ReturnType<typeof readRegularFile> {
  try {
    return readRegularFile(path, 'follow');
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'not-found') throw error;
    throw new LockfastError('ring-missing', `there is no key ring at ${path}`, 'bring it here with the release, or set the path that it has here', error);
  }
}
