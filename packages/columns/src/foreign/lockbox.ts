/**
 * Lockbox (Ruby) 0.x to 2.x with its default, AES-GCM: nonce of 12 bytes, ciphertext, tag, as strict base64 in a text column and
 * as they are in a binary one. The key of a column is HKDF-SHA384 (RFC 5869) of the master key, 64 hexadecimal digits:
 * salt the table's name, info 32 bytes 0xB4 and the name of the encrypted column, 32 bytes long.
 */
import { hkdfSync } from 'node:crypto';

import { Secret } from '@lockfast/core/keyring';

import type { Stored } from '../stored-format.ts';
import type { ForeignFormat, OpenedForeign } from './foreign-format.ts';
import { type ForeignKey, invalidForeignKey, openUnderAny } from './foreign-key.ts';
import { openGcm, TAG_BYTES } from './open-gcm.ts';
import { base64Bytes } from './base64-bytes.ts';

const NONCE_BYTES = 12;
const MASTER_KEY = /^[0-9a-f]{64}$/i;

export class Lockbox implements ForeignFormat {
  readonly name = 'lockbox';
  readonly authenticated = true;
  readonly #keys: readonly ForeignKey[];

  /**
   * @param masterKeys as text
   * @param table its name in the model, without a schema
   * @param attribute the encrypted column's name: `email_ciphertext`
   * @throws LockfastError `invalid-key`
   */
  constructor(masterKeys: readonly ForeignKey[], table: string, attribute: string) {
    this.#keys = masterKeys.map(({ name, key }) => ({ name, key: key.use((text) => attributeKey(name, text.toString('latin1').trim(), table, attribute)) }));
  }

  looksLike(stored: Stored): boolean {
    return (base64Bytes(stored)?.length ?? 0) >= NONCE_BYTES + TAG_BYTES;
  }

  open(stored: Stored): OpenedForeign {
    const bytes = base64Bytes(stored)!;
    return openUnderAny(this.#keys, (key) => openGcm(key, bytes.subarray(0, NONCE_BYTES), bytes.subarray(NONCE_BYTES, -TAG_BYTES), bytes.subarray(-TAG_BYTES)));
  }
}

function attributeKey(name: string, hex: string, table: string, attribute: string): Secret {
  if (!MASTER_KEY.test(hex)) throw invalidForeignKey(name, 'this is no master key of Lockbox', 'it has 64 hexadecimal digits: check that it was copied whole');
  const master = Buffer.from(hex, 'hex');
  const info = Buffer.concat([Buffer.alloc(32, 0xb4), Buffer.from(attribute, 'utf8')]);
  try {
    return new Secret(Buffer.from(hkdfSync('sha384', master, Buffer.from(table, 'utf8'), info, 32)));
  } finally {
    master.fill(0);
  }
}
