/**
 * `@47ng/cloak` 1.x, which prisma-field-encryption stores:
 * `v1.aesgcm256.FINGERPRINT.IV.SEALED`, where FINGERPRINT is the first 8 hexadecimal digits of SHA-256 of the key's text, IV 12
 * bytes and SEALED ciphertext and tag, both base64url with padding. A key is `k1.aesgcm256.` and 32 bytes in base64url.
 */
import { Secret } from '@lockfast/core/keyring';

import { startOf, type Stored } from '../stored-format.ts';
import type { ForeignFormat, OpenedForeign } from './foreign-format.ts';
import { type ForeignKey, invalidForeignKey, openUnderAny } from './foreign-key.ts';
import { openGcm, TAG_BYTES } from './open-gcm.ts';

const START = 'v1.aesgcm256.';
const VALUE = /^v1\.aesgcm256\.[0-9a-fA-F]{8}\.([\w-]{16})\.([\w-]{22,}={0,2})$/;
const KEY = /^k1\.aesgcm256\.([\w-]{43})=?$/;

export function looksLikeCloak(stored: Stored): boolean {
  return startOf(stored, START.length) === START && VALUE.test(startOf(stored));
}

export class Cloak implements ForeignFormat {
  readonly name = 'cloak';
  readonly authenticated = true;
  readonly #keys: readonly ForeignKey[];

  /** @param keys as text. @throws LockfastError `invalid-key` */
  constructor(keys: readonly ForeignKey[]) {
    this.#keys = keys.map(({ name, key }) => ({ name, key: key.use((text) => parseKey(name, text.toString('latin1'))) }));
  }

  looksLike(stored: Stored): boolean {
    return looksLikeCloak(stored);
  }

  open(stored: Stored): OpenedForeign {
    const [, iv, sealed] = VALUE.exec(startOf(stored)) as unknown as [string, string, string];
    const bytes = Buffer.from(sealed, 'base64url');
    return openUnderAny(this.#keys, (key) => openGcm(key, Buffer.from(iv, 'base64url'), bytes.subarray(0, -TAG_BYTES), bytes.subarray(-TAG_BYTES)));
  }
}

function parseKey(name: string, text: string): Secret {
  const [, base64] = KEY.exec(text.trim()) ?? [];
  if (base64 === undefined) throw invalidForeignKey(name, 'this is no key of cloak', 'it begins with k1.aesgcm256. and has 57 or 58 characters: check that it was copied whole');
  return new Secret(Buffer.from(base64, 'base64url'));
}
