/** The stored values of blind indexes, `lfi1.KEYID.DIGEST`: docs/formats/blind-index.md. */
import { isKeyId, type KeyId } from '@lockfast/core/formats';

/** What every one begins with. */
export const INDEX_START = 'lfi1.';
export const MOST_INDEX_BITS = 256;
export const LEAST_INDEX_BITS = 8;

const ID_AT = INDEX_START.length;
/** `lfi1.kq2d5x.`: what all values under one key begin with. */
const DIGEST_AT = ID_AT + 'kq2d5x.'.length;

/** What all values under this key begin with. */
function indexStart(key: KeyId): string {
  return `${INDEX_START}${key}.`;
}

/** How many characters a value has. */
export function indexValueLength(bits: number): number {
  return DIGEST_AT + Math.ceil((Math.ceil(bits / 8) * 4) / 3);
}

/** @param digest 32 bytes, of which the first `bits` bits are kept. It is altered */
export function indexValue(key: KeyId, digest: Buffer, bits: number): string {
  const kept = digest.subarray(0, Math.ceil(bits / 8));
  // The bits of the last byte that are not kept are zero.
  if (bits % 8 !== 0) kept[kept.length - 1]! &= 0xff << (8 - (bits % 8));
  return indexStart(key) + kept.toString('base64url');
}

/** The key that a value, or the first 12 characters of one, names; undefined for what is no value of a blind index. */
export function indexKeyIdOf(stored: string): KeyId | undefined {
  if (!stored.startsWith(INDEX_START) || stored[DIGEST_AT - 1] !== '.') return undefined;
  const id = stored.slice(ID_AT, DIGEST_AT - 1);
  return isKeyId(id) ? id : undefined;
}
