import { randomFillSync } from 'node:crypto';

import { NONCE_BYTES, type NoncePrefix, PREFIX_BYTES, type XaesKey } from './xaes.ts';

/**
 * When a writer renews the first 12 bytes of its nonces. Under one prefix two equal suffixes (96 random bits) would be
 * a nonce reuse in AES-GCM: 2^16 values keep that below 2^-65. The time bounds how long a stale prefix lives.
 */
const VALUES_PER_PREFIX = 2 ** 16;
const BYTES_PER_PREFIX = 2 ** 30;
const PREFIX_LIFETIME_MS = 5 * 60_000;

const SUFFIX_BYTES = NONCE_BYTES - PREFIX_BYTES;
/** Bytes drawn ahead. Small on purpose: whatever is drawn ahead would repeat in a cloned process. */
const POOL_BYTES = 252;

interface Writing {
  readonly prefix: NoncePrefix;
  readonly since: number;
  values: number;
  bytes: number;
}

/** Draws the nonces of one XAES key. No caller ever chooses one. */
export class Nonces {
  readonly #key: XaesKey;
  #writing: Writing | undefined;
  #pool: Buffer | undefined;
  #used = POOL_BYTES;

  constructor(key: XaesKey) {
    this.#key = key;
  }

  /** Writes the next nonce, for a value of `bytes` bytes, to the start of `out`; returns its prefix. */
  draw(bytes: number, out: Buffer): NoncePrefix {
    const prefix = this.prefix(bytes);
    for (let i = 0; i < PREFIX_BYTES; i++) out[i] = prefix.bytes[i]!;
    this.#writeSuffix(out);
    const [seconds, nanoseconds] = process.hrtime();
    // New for every value; in a clone of this machine, as soon as its clocks differ. XOR with a value that random bytes
    // know nothing of can't make them worse.
    xor32(out, PREFIX_BYTES, seconds);
    xor32(out, PREFIX_BYTES + 4, nanoseconds);
    xor32(out, PREFIX_BYTES + 8, Date.now());
    return prefix;
  }

  /** The prefix of the next nonce, for a value of `bytes` bytes. */
  prefix(bytes: number): NoncePrefix {
    const writing = this.#writing;
    const now = performance.now();
    if (
      writing !== undefined &&
      writing.values < VALUES_PER_PREFIX &&
      writing.bytes + bytes <= BYTES_PER_PREFIX &&
      now - writing.since < PREFIX_LIFETIME_MS
    ) {
      writing.values += 1;
      writing.bytes += bytes;
      return writing.prefix;
    }
    refuseSnapshot();
    const prefix = this.#key.prefix(randomFillSync(Buffer.alloc(PREFIX_BYTES)));
    this.#writing = { prefix, since: now, values: 1, bytes };
    return prefix;
  }

  /** 12 random bytes, which leave the pool. */
  #writeSuffix(out: Buffer): void {
    if (this.#used === POOL_BYTES) {
      refuseSnapshot();
      this.#pool ??= Buffer.allocUnsafeSlow(POOL_BYTES);
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const pool = this.#pool!;
    for (let i = 0; i < SUFFIX_BYTES; i++) {
      out[PREFIX_BYTES + i] = pool[this.#used + i]!;
      pool[this.#used + i] = 0;
    }
    this.#used += SUFFIX_BYTES;
  }
}

/** XORs the lowest 32 bits of an integer, most significant byte first. */
function xor32(target: Buffer, offset: number, integer: number): void {
  const bits = integer | 0;
  target[offset]! ^= bits >>> 24;
  target[offset + 1]! ^= (bits >>> 16) & 0xff;
  target[offset + 2]! ^= (bits >>> 8) & 0xff;
  target[offset + 3]! ^= bits & 0xff;
}

/** Random state in a V8 start-up snapshot would be the same in every process that starts from it. */
function refuseSnapshot(): void {
  // Asked for late: importing node:v8 costs every reader start-up time, and only writers draw nonces.
  if (process.getBuiltinModule('node:v8').startupSnapshot.isBuildingSnapshot()) {
    throw new Error('a value can not be encrypted while a V8 start-up snapshot is being built');
  }
}
