/** Values that are looked for, as keyed hashes. */
import type { GuardKey } from './guard-key.ts';
import { needlesOf } from './needles.ts';
import { rollingHash, WINDOW } from './rolling-hash.ts';

/** One form of a value. */
export interface HashedNeedle {
  readonly form: string;
  /** Bytes. */
  readonly length: number;
  /** Where in it the window of the rolling hash begins. */
  readonly offset: number;
  /** The rolling hash of that window, unsigned. */
  readonly window: number;
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

/** @param today `2026-03-01` */
export function guardValues(values: readonly OpenValue[], key: GuardKey, today: string): { readonly values: GuardedValue[]; readonly unguardable: Unguardable[] } {
  const secrets = key.rollingSecrets();
  const mac = key.macs('value');
  const guarded: GuardedValue[] = [];
  const unguardable: Unguardable[] = [];
  for (const { tenant, variable, value } of values) {
    const { needles, why } = needlesOf(value);
    if (why !== undefined) {
      unguardable.push({ tenant, variable, why });
      continue;
    }
    const hashed = needles.map(({ form, bytes }) => {
      const offset = rarestWindow(bytes);
      return { form, length: bytes.length, offset, window: rollingHash(bytes, offset, secrets), mac: mac(bytes) };
    });
    guarded.push({ tenant, variable, state: 'live', since: today, until: undefined, needles: hashed });
  }
  return { values: guarded, unguardable };
}

/**
 * The window with the most different bytes, the first of them. Many values begin alike (`postgres://`, `-----BEGIN`):
 * each such beginning in a file would cost an HMAC.
 */
function rarestWindow(bytes: Buffer): number {
  let best = 0;
  let most = 0;
  for (let offset = 0; offset + WINDOW <= bytes.length && most < WINDOW; offset++) {
    const different = new Set(bytes.subarray(offset, offset + WINDOW)).size;
    if (different > most) [best, most] = [offset, different];
  }
  return best;
}
