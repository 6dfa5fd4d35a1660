/**
 * The keyed hash that a scan tries at every fourth byte: of eight bytes, as two little-endian words. A needle is known by
 * four windows that begin one byte apart, one of which is aligned wherever the needle stands.
 */
import type { WindowSecrets } from './guard-key.ts';

/** Bytes of a window. */
export const WINDOW = 8;
/** Windows of a needle: as many as a word has bytes. */
export const WINDOWS = 4;
/** Bytes of a needle that its windows are over. Whoever has the guard key may work them out. */
export const EXPOSED = WINDOW + WINDOWS - 1;

/** 32 bits, signed. */
function windowHash(first: number, second: number, { keys, multipliers }: WindowSecrets): number {
  const mixed = Math.imul(first ^ keys[0], multipliers[0]);
  const hash = Math.imul(((mixed ^ (mixed >>> 15)) + second) ^ keys[1], multipliers[1]);
  return hash ^ (hash >>> 13);
}

/** The hashes of the windows that begin at `offset` and the three bytes after it. */
export function windowHashes(bytes: Buffer, offset: number, secrets: WindowSecrets): number[] {
  return Array.from({ length: WINDOWS }, (_, i) => windowHash(bytes.readInt32LE(offset + i), bytes.readInt32LE(offset + i + 4), secrets));
}
