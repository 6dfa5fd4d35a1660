/**
 * `typeorm-encrypted` 0.4 to 0.8: base64 of IV, for GCM the tag of 16 bytes, and the ciphertext. The key is hexadecimal.
 * CBC has no tag: under a wrong key one value in 256 ends in what passes for padding, and decrypts to nonsense.
 */
import { isUtf8 } from 'node:buffer';
import { createDecipheriv } from 'node:crypto';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';

import type { Stored } from '../stored-format.ts';
import { base64Bytes } from './base64-bytes.ts';
import { decrypted } from './decrypted.ts';
import type { ForeignFormat, OpenedForeign } from './foreign-format.ts';
import { type ForeignKey, invalidForeignKey, openUnderAny, underNoKey } from './foreign-key.ts';
import { openGcm, TAG_BYTES } from './open-gcm.ts';

const ALGORITHM = /^aes-(128|192|256)-(cbc|gcm)$/;
const BLOCK_BYTES = 16;

export class TypeormEncrypted implements ForeignFormat {
  readonly name = 'typeorm-encrypted';
  readonly authenticated: boolean;
  readonly #algorithm: string;
  readonly #ivBytes: number;
  readonly #keys: readonly ForeignKey[];

  /**
   * @param keys as text
   * @param algorithm as its options name it: `aes-256-cbc`, `aes-256-gcm`
   * @param ivBytes as its options have it
   * @throws LockfastError `invalid-key`; `unsupported-format` for another algorithm
   */
  constructor(keys: readonly ForeignKey[], algorithm: string, ivBytes: number) {
    const [, bits, mode] = ALGORITHM.exec(algorithm) ?? [];
    if (bits === undefined) throw new LockfastError('unsupported-format', 'of typeorm-encrypted only aes-128, aes-192 and aes-256 with -cbc or -gcm are read', 'name the algorithm as its options do, for example aes-256-gcm');
    if (mode === 'cbc' && ivBytes !== BLOCK_BYTES) throw new LockfastError('parameters-out-of-range', `an IV of ${algorithm} has 16 bytes`, 'leave the length of the IV out');
    this.authenticated = mode === 'gcm';
    this.#algorithm = algorithm;
    this.#ivBytes = ivBytes;
    this.#keys = keys.map(({ name, key }) => ({ name, key: key.use((text) => parseKey(name, text.toString('latin1').trim(), Number(bits) / 8)) }));
  }

  looksLike(stored: Stored): boolean {
    const length = base64Bytes(stored)?.length ?? 0;
    if (this.authenticated) return length >= this.#ivBytes + TAG_BYTES;
    return length >= this.#ivBytes + BLOCK_BYTES && length % BLOCK_BYTES === 0;
  }

  open(stored: Stored): OpenedForeign {
    const bytes = base64Bytes(stored)!;
    const [iv, rest] = [bytes.subarray(0, this.#ivBytes), bytes.subarray(this.#ivBytes)];
    if (this.authenticated) return openUnderAny(this.#keys, (key) => openGcm(key, iv, rest.subarray(TAG_BYTES), rest.subarray(0, TAG_BYTES)));
    return this.#openText(iv, rest);
  }

  /** The library encrypts texts alone: where one key gives text, another one that gives none has met what only passes for padding. */
  #openText(iv: Buffer, sealed: Buffer): OpenedForeign {
    let other: OpenedForeign | undefined;
    for (const { name, key } of this.#keys) {
      const value = this.#openCbc(key, iv, sealed);
      if (value === undefined) continue;
      if (isUtf8(value)) {
        other?.value.fill(0);
        return { value, key: name };
      }
      if (other === undefined) other = { value, key: name };
      else value.fill(0);
    }
    if (other === undefined) throw underNoKey();
    return other;
  }

  #openCbc(key: Secret, iv: Buffer, sealed: Buffer): Buffer | undefined {
    return key.use((bytes) => decrypted(createDecipheriv(this.#algorithm, bytes, iv), sealed));
  }
}

function parseKey(name: string, hex: string, bytes: number): Secret {
  if (!/^[0-9a-f]+$/i.test(hex) || hex.length !== 2 * bytes) throw invalidForeignKey(name, `this is no key of ${2 * bytes} hexadecimal digits`, 'it must be the key of its options, for the algorithm that is named: check that it was copied whole');
  return new Secret(Buffer.from(hex, 'hex'));
}
