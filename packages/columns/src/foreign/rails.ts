/**
 * Active Record Encryption of Rails 7 and 8, with its JSON serializer: `{"p":SEALED,"h":{"iv":IV,"at":TAG}}`, each strict
 * base64, AES-256-GCM without additional data; `c` says that the value was deflated (RFC 1950), `k` holds the data key of an
 * envelope as a message of its own. The key is PBKDF2 of a primary or deterministic key with the application's
 * `key_derivation_salt`, 65,536 rounds, of SHA-1 by the defaults before 7.1 and of SHA-256 since.
 */
import { pbkdf2Sync } from 'node:crypto';
import { inflateSync } from 'node:zlib';

import { LockfastError } from '@lockfast/core/errors';
import { Secret } from '@lockfast/core/keyring';

import { startOf, type Stored } from '../stored-format.ts';
import { base64Bytes } from './base64-bytes.ts';
import type { ForeignFormat, OpenedForeign } from './foreign-format.ts';
import { type ForeignKey, openUnderAny } from './foreign-key.ts';
import { openGcm } from './open-gcm.ts';

const ROUNDS = 2 ** 16;
/** Far above what a column holds: a message that was made to swell ends here. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Encodings of Ruby whose bytes are taken as they are. */
const PLAIN_ENCODINGS = ['UTF-8', 'US-ASCII', 'ASCII-8BIT'];

interface Message {
  readonly sealed: Buffer;
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly deflated: boolean;
  readonly encoding: string | undefined;
  /** The data key, encrypted under the primary key. */
  readonly dataKey: Message | undefined;
}

export function looksLikeRails(stored: Stored): boolean {
  return messageOf(stored) !== undefined;
}

export class Rails implements ForeignFormat {
  readonly name = 'rails';
  readonly authenticated = true;
  readonly #keys: readonly ForeignKey[];

  /**
   * @param keys primary and deterministic keys, as text
   * @param salt the application's `key_derivation_salt`, as text
   */
  constructor(keys: readonly ForeignKey[], salt: Secret) {
    // Which digest an application has is a matter of its defaults; the tag tells.
    this.#keys = keys.flatMap(({ name, key }) => ['sha256', 'sha1'].map((digest) => ({ name, key: derived(key, salt, digest) })));
  }

  looksLike(stored: Stored): boolean {
    return looksLikeRails(stored);
  }

  open(stored: Stored): OpenedForeign {
    const message = messageOf(stored)!;
    if (message.encoding !== undefined && !PLAIN_ENCODINGS.includes(message.encoding)) {
      throw new LockfastError('unsupported-format', 'the value is text in an encoding other than UTF-8', 'encrypt it anew with Rails as UTF-8 first');
    }
    const opened = openUnderAny(this.#keys, (key) => openMessage(message, key));
    return message.deflated ? { ...opened, value: inflated(opened.value) } : opened;
  }
}

function openMessage({ sealed, iv, tag, dataKey }: Message, key: Secret): Buffer | undefined {
  if (dataKey === undefined) return openGcm(key, iv, sealed, tag);
  const bytes = openGcm(key, dataKey.iv, dataKey.sealed, dataKey.tag);
  return bytes === undefined ? undefined : openGcm(new Secret(bytes), iv, sealed, tag);
}

/** @throws LockfastError `malformed` */
function inflated(value: Buffer): Buffer {
  try {
    return inflateSync(value, { maxOutputLength: MOST_BYTES });
  } catch {
    throw new LockfastError('malformed', 'the value decrypts, and can not be inflated', 'see what Rails reads there');
  } finally {
    value.fill(0);
  }
}

function derived(key: Secret, salt: Secret, digest: string): Secret {
  return new Secret(key.use((password) => salt.use((salted) => pbkdf2Sync(trimmed(password), trimmed(salted), ROUNDS, 32, digest))));
}

/** A file ends in a line end, which is not part of the text. */
function trimmed(text: Buffer): string {
  return text.toString('utf8').trim();
}

function messageOf(stored: Stored): Message | undefined {
  // Almost nothing that is asked about begins so.
  if (startOf(stored, 1) !== '{' || !startOf(stored).includes('"p"')) return undefined;
  try {
    return parsed(JSON.parse(startOf(stored)));
  } catch {
    return undefined;
  }
}

function parsed(json: unknown): Message | undefined {
  const { p, h } = (json ?? {}) as { readonly p?: unknown; readonly h?: unknown };
  if (typeof h !== 'object' || h === null) return undefined;
  const { iv, at, c, e, k } = h as Readonly<Record<string, unknown>>;
  const [sealed, nonce, tag] = [bytesOf(p), bytesOf(iv), bytesOf(at)];
  if (sealed === undefined || nonce === undefined || tag === undefined) return undefined;
  const dataKey = k === undefined ? undefined : parsed(k);
  if (k !== undefined && dataKey === undefined) return undefined;
  return { sealed, iv: nonce, tag, deflated: c === true, encoding: bytesOf(e)?.toString('latin1'), dataKey };
}

function bytesOf(value: unknown): Buffer | undefined {
  return typeof value === 'string' ? base64Bytes(value) : undefined;
}
