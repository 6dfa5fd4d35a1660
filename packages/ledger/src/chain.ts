/** The hash chain over all entries, and the MAC whose key goes forward only. `docs/formats/ledger.md`. */
import { createHmac, createSecretKey, hash, hkdfSync, type KeyObject } from 'node:crypto';

export const HASH_BYTES = 32;

/** What stands before the first entry. */
export const FIRST_CHAIN = Buffer.alloc(HASH_BYTES);

/** How many entries have one MAC key. */
export const EPOCH_ENTRIES = 256;

/** RFC 6962 section 2.1: SHA-256(0x00 | entry). */
export function leafHash(entry: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([Buffer.of(0x00), entry]), 'buffer');
}

/**
 * SHA-256(0x02 | log id, 16 characters | u64be number of the entry | chain before it | its leaf).
 *
 * @param seq from 1
 */
export function chainHash(logId: string, seq: number, before: Uint8Array, leaf: Uint8Array): Buffer {
  const place = Buffer.alloc(1 + 16 + 8);
  place[0] = 0x02;
  place.write(logId, 1, 'latin1');
  place.writeBigUInt64BE(BigInt(seq), 17);
  return hash('sha256', Buffer.concat([place, before, leaf]), 'buffer');
}

/** Which MAC key the entry has, from 0. */
export function epochOf(seq: number): number {
  return Math.floor((seq - 1) / EPOCH_ENTRIES);
}

/** HMAC-SHA256 of the entry's chain hash. */
export function chainMac(key: KeyObject, chain: Uint8Array): Buffer {
  return createHmac('sha256', key).update(chain).digest();
}

/**
 * The key of the next epoch: HKDF-SHA256(key, no salt, "lockfast/ledger-evolve"). There is no way back from it: who takes
 * over the machine can not make MACs for what was recorded before.
 */
export function nextEpochKey(key: KeyObject): KeyObject {
  const bytes = Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), 'lockfast/ledger-evolve', HASH_BYTES));
  const next = createSecretKey(bytes);
  bytes.fill(0);
  return next;
}
