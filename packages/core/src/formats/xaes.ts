/**
 * c2sp.org/XAES-256-GCM@v1.0.1 with the key commitment of KC-XAES-256-GCM (eprint 2025/758), on node:crypto's AES.
 *
 * Danger: this file takes nonces. It is not exported from the package; `value-cipher.ts` is its only user, and draws them.
 */
import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto';

export const NONCE_BYTES = 24;
export const PREFIX_BYTES = 12;
export const COMMITMENT_BYTES = 32;
export const TAG_BYTES = 16;

const GCM = 'aes-256-gcm';
/** Without it Node accepts 4-byte tags (DEP0182). */
const TAG = { authTagLength: TAG_BYTES } as const;

/** M_1 | M_2 | "XCMT" and room for N[:12] at the end of each, where M_i = 0x00 | i | "X" | 0x00 | N[:12]. */
const PREFIX_BLOCKS = Buffer.from(`\x00\x01X\x00${' '.repeat(PREFIX_BYTES)}\x00\x02X\x00${' '.repeat(PREFIX_BYTES)}XCMT${' '.repeat(PREFIX_BYTES)}`, 'latin1');

/** What depends on the key and the first 12 bytes of the nonce alone, so that many values can share its cost. */
export interface NoncePrefix {
  readonly bytes: Buffer;
  /** Kx of the specification. A KeyObject: with a Buffer key each GCM call is about four times slower in Node 24. */
  readonly gcmKey: KeyObject;
  /** AES_K("XCMT" | N[:12]) XOR K1: the running CMAC state before the last block of the commitment. */
  readonly commitmentState: Buffer;
}

export class XaesKey {
  /** AES-256-ECB without padding is the bare block cipher; one context serves all blocks under this key. */
  readonly #aes: Cipheriv;
  readonly #k1: Buffer;
  /** Reused: Node moves a small new array out of V8's heap when the cipher first reads it, and that costs more than AES. */
  readonly #threeBlocks = Buffer.alloc(48);
  readonly #twoBlocks = this.#threeBlocks.subarray(0, 32);

  /** @param key 32 bytes; the caller may erase them afterwards */
  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new RangeError('an XAES-256 key has 32 bytes');
    this.#aes = createCipheriv('aes-256-ecb', createSecretKey(key), null).setAutoPadding(false);
    this.#k1 = cmacSubkey(this.#aes.update(Buffer.alloc(16)));
  }

  /** @param bytes the first 12 bytes of a nonce; they are kept, not copied */
  prefix(bytes: Buffer): NoncePrefix {
    const input = this.#threeBlocks;
    input.set(PREFIX_BLOCKS);
    for (let i = 0; i < PREFIX_BYTES; i++) input[4 + i] = input[20 + i] = input[36 + i] = bytes[i]!;
    xorInto(input, 0, this.#k1);
    xorInto(input, 16, this.#k1);
    const output = this.#aes.update(input);
    const gcmKey = createSecretKey(output.subarray(0, 32));
    output.fill(0, 0, 32);
    const commitmentState = output.subarray(32);
    xorInto(commitmentState, 0, this.#k1);
    return { bytes, gcmKey, commitmentState };
  }

  /** The 32-byte key commitment. `suffix` holds the last 12 bytes of the nonce at `offset`. */
  commitment(prefix: NoncePrefix, suffix: Buffer, offset: number): Buffer {
    this.#writeCommitmentInput(this.#twoBlocks, 0, prefix, suffix, offset);
    return this.#aes.update(this.#twoBlocks);
  }

  /** The commitments of many nonces under one prefix, 32 bytes each, from one call of the cipher. */
  commitments(prefix: NoncePrefix, suffixes: readonly Buffer[], offset = 0): Buffer {
    const input = Buffer.allocUnsafe(COMMITMENT_BYTES * suffixes.length);
    suffixes.forEach((suffix, i) => this.#writeCommitmentInput(input, COMMITMENT_BYTES * i, prefix, suffix, offset));
    return this.#aes.update(input);
  }

  #writeCommitmentInput(out: Buffer, at: number, { commitmentState: state }: NoncePrefix, suffix: Buffer, offset: number): void {
    for (let i = 0; i < 12; i++) {
      const byte = state[i]! ^ suffix[offset + i]!;
      out[at + i] = byte;
      out[at + 16 + i] = byte;
    }
    // ... XOR (N[12:] | 00 01 00 01) and ... (N[12:] | 00 01 00 02)
    out[at + 12] = out[at + 28] = state[12]!;
    out[at + 13] = out[at + 29] = state[13]! ^ 1;
    out[at + 14] = out[at + 30] = state[14]!;
    out[at + 15] = state[15]! ^ 1;
    out[at + 31] = state[15]! ^ 2;
  }
}

/** Writes ciphertext and tag to `out` at `offset`; takes `plaintext.length + 16` bytes there. */
export function seal(gcmKey: KeyObject, suffix: Buffer, plaintext: Buffer, aad: Buffer, out: Buffer, offset: number): void {
  const cipher = createCipheriv(GCM, gcmKey, suffix, TAG);
  cipher.setAAD(aad);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  ciphertext.copy(out, offset);
  cipher.getAuthTag().copy(out, offset + ciphertext.length);
}

/**
 * The plaintext of the ciphertext and tag that stand in `sealed` from `offset` to the end, or `undefined` where the tag
 * does not match. Nothing of `update()` leaves before `final()`.
 */
export function open(gcmKey: KeyObject, suffix: Buffer, sealed: Buffer, aad: Buffer, offset = 0): Buffer | undefined {
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(GCM, gcmKey, suffix, TAG);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(offset, end));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return undefined;
  }
  return plaintext;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Doubling in GF(2^128): the subkey K1 of NIST SP 800-38B section 6.1. */
function cmacSubkey(l: Buffer): Buffer {
  const k1 = Buffer.alloc(16);
  for (let i = 0; i < 16; i++) k1[i] = ((l[i]! << 1) | ((l[i + 1] ?? 0) >> 7)) & 0xff;
  k1[15]! ^= (l[0]! >> 7) * 0x87;
  return k1;
}

function xorInto(target: Buffer, offset: number, mask: Buffer): void {
  for (let i = 0; i < mask.length; i++) target[offset + i]! ^= mask[i]!;
}
