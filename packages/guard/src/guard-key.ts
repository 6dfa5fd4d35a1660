/** The key of a guard file: with it, and only with it, the file's hashes can be made and compared. */
import { createHmac, hkdfSync } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';

const TEXT = /^lockfast-guard-1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{6})$/;
const MAC_BYTES = 16;

/** What a key makes the rolling hash of: a secret number for each byte, and a secret multiplier. */
export interface RollingSecrets {
  readonly table: Int32Array;
  /** Odd, so that no byte of the window is lost. */
  readonly multiplier: number;
}

export class GuardKey {
  readonly secret: Secret;

  constructor(secret: Secret) {
    this.secret = secret;
  }

  static random(): GuardKey {
    return new GuardKey(Secret.random());
  }

  /** Of a key file, or of a variable. @throws LockfastError `invalid-key` */
  static parse(text: string, where: string): GuardKey {
    const [, key, sum] = TEXT.exec(text.trim()) ?? [];
    const bytes = Buffer.from(key ?? '', 'base64url');
    if (key === undefined || bytes.toString('base64url') !== key || checksum(bytes) !== sum) {
      bytes.fill(0);
      throw new LockfastError('invalid-key', `${where} does not hold a guard key`, 'copy it again, whole: it begins with lockfast-guard-1.');
    }
    return new GuardKey(new Secret(bytes));
  }

  print(): string {
    return this.secret.use((bytes) => `lockfast-guard-1.${bytes.toString('base64url')}.${checksum(bytes)}`);
  }

  rollingSecrets(): RollingSecrets {
    const bytes = this.#derive('lockfast/guard-rolling', 257 * 4);
    const words = Int32Array.from({ length: 257 }, (_, i) => bytes.readInt32LE(i * 4));
    bytes.fill(0);
    return { table: words.subarray(0, 256), multiplier: words[256]! | 1 };
  }

  /** HMAC-SHA-256, of which 128 bits are kept. */
  macs(purpose: 'value' | 'file'): (bytes: Uint8Array) => Buffer {
    const key = this.#derive(`lockfast/guard-${purpose}`, 32);
    return (bytes) => createHmac('sha256', key).update(bytes).digest().subarray(0, MAC_BYTES);
  }

  #derive(info: string, length: number): Buffer {
    return this.secret.use((bytes) => Buffer.from(hkdfSync('sha256', bytes, Buffer.alloc(0), info, length)));
  }
}

/** Finds a slip of the hand, no more. */
function checksum(bytes: Buffer): string {
  return createHmac('sha256', 'lockfast-guard-1').update(bytes).digest('base64url').slice(0, 6);
}
