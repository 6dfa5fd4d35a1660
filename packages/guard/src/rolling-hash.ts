import type { RollingSecrets } from './guard-key.ts';

/** Bytes that the rolling hash is over. */
export const WINDOW = 12;

/** The hash of the {@link WINDOW} bytes from `offset`: the sum of table[byte] * multiplier^(11 - i), modulo 2^32, unsigned. */
export function rollingHash(bytes: Uint8Array, offset: number, { table, multiplier }: RollingSecrets): number {
  let hash = 0;
  for (let i = offset; i < offset + WINDOW; i++) hash = (Math.imul(hash, multiplier) + table[bytes[i]!]!) | 0;
  return hash >>> 0;
}

/** What a byte adds when it is the first of twelve, which leaves the window next: table[byte] * multiplier^12. */
export function leavingTable({ table, multiplier }: RollingSecrets): Int32Array {
  let power = 1;
  for (let i = 0; i < WINDOW; i++) power = Math.imul(power, multiplier);
  return table.map((word) => Math.imul(word, power));
}
