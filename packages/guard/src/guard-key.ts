/** The key of a guard file: with it, and only with it, the file's hashes can be made and compared. */
import { createHmac, hkdfSync } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';

const TEXT = /^lockfast-guard-1\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{6})$/;
const MAC_BYTES = 16;

/** What the hash of a window is made with. */
export interface WindowSecrets {
  readonly keys: readonly [number, number];
  /** Odd, so that no bit is lost. */
  readonly multipliers: readonly [number, number];
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

  windowSecrets(): WindowSecrets {
    const bytes = this.#derive('lockfast/guard-windows', 16);
    const word = (i: number): number => bytes.readInt32LE(i * 4);
    return { keys: [word(0), word(1)], multipliers: [word(2) | 1, word(3) | 1] };
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
