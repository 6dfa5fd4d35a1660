/** Values that are looked for, as keyed hashes. */
import type { GuardKey } from './guard-key.ts';
import { needlesOf } from './needles.ts';
import { EXPOSED, windowHashes } from './window-hash.ts';

/** One form of a value. */
export interface HashedNeedle {
  readonly form: string;
  /** Bytes. */
  readonly length: number;
  /** Where in it its windows begin. In a guard file 0. */
  readonly offset: number;
  /** The hashes of four windows, signed. */
  readonly windows: readonly number[];
  /** HMAC-SHA-256 of all of it, 128 bits. */
  readonly mac: Buffer;
}

export interface GuardedValue {
  /** Empty: the project's own, or what all tenants share. */
  readonly tenant: string;
  readonly variable: string;
  readonly state: 'live' | 'retired';
  /** The day on which it was first seen, and the day from which it was not any more: `2026-03-01`. */
  readonly since: string;
  readonly until: string | undefined;
  readonly needles: readonly HashedNeedle[];
}

export interface OpenValue {
  readonly tenant: string;
  readonly variable: string;
  readonly value: string;
}

/** A value that can't be looked for, and why. */
export interface Unguardable {
  readonly tenant: string;
  readonly variable: string;
  readonly why: string;
}

/**
 * @param today `2026-03-01`
 * @param use `file`: the hashes go into a guard file. Whoever has that and its key may learn the bytes that the windows are
 *   over, so these count as known, they are the first ones of every form, and what comes after must be hard to guess by
 *   itself. `memory`: nobody keeps the key.
 */
export function guardValues(values: readonly OpenValue[], key: GuardKey, today: string, use: 'file' | 'memory'): { readonly values: GuardedValue[]; readonly unguardable: Unguardable[] } {
  const secrets = key.windowSecrets();
  const mac = key.macs('value');
  const guarded: GuardedValue[] = [];
  const unguardable: Unguardable[] = [];
  for (const { tenant, variable, value } of values) {
    const { needles, why } = needlesOf(value, use === 'file' ? EXPOSED : 0);
    if (why !== undefined) {
      unguardable.push({ tenant, variable, why });
      continue;
    }
    const hashed = needles.map(({ form, bytes }) => {
      const offset = use === 'file' ? 0 : rarestPlace(bytes);
      return { form, length: bytes.length, offset, windows: windowHashes(bytes, offset, secrets), mac: mac(bytes) };
    });
    guarded.push({ tenant, variable, state: 'live', since: today, until: undefined, needles: hashed });
  }
  return { values: guarded, unguardable };
}

/** Looked at for the rarest place; what many values begin with (`postgres://`, `-----BEGIN`) is shorter. */
const MOST_PLACES = 48;

/**
 * Where the most different bytes stand. Beginnings that many values share would cost an HMAC wherever they stand in a
 * file.
 */
function rarestPlace(bytes: Buffer): number {
  let best = 0;
  let most = 0;
  for (let offset = 0; offset + EXPOSED <= bytes.length && offset < MOST_PLACES && most < EXPOSED; offset++) {
    const different = new Set(bytes.subarray(offset, offset + EXPOSED)).size;
    if (different > most) [best, most] = [offset, different];
  }
  return best;
}
