import type { ErrorCode } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';

import type { ForeignFormatName } from '../foreign/index.ts';
import type { FormatName } from '../stored-format.ts';

/** What a stored value is, found out by decrypting it. */
export type Standing =
  | { readonly kind: 'null' }
  | { readonly kind: 'plaintext' }
  | {
      readonly kind: 'encrypted';
      readonly format: FormatName | ForeignFormatName;
      /** The id of its key, or the name of its Fernet key. */
      readonly key: string;
      /** Milliseconds since the Unix epoch; undefined where it carries no time. */
      readonly created: number | undefined;
      /** In the column's format and under the key that encrypts now. */
      readonly current: boolean;
    }
  | Unreadable;

/** Encrypted, by its look, and not to be decrypted. */
export interface Unreadable {
  readonly kind: 'unreadable';
  /**
   * `malformed`: damaged. `missing-key`, `key-not-usable`: the ring has not, or no longer, the key that it names.
   * `wrong-key`, `invalid-token`: made under another key. `moved-or-altered`: another place's. `invalid-context`: a context column is NULL.
   */
  readonly code: ErrorCode;
  /** The key that it names. */
  readonly keyId?: KeyId;
}

/** Codes that say: made under a key that is not here. The others name a key that is, or no key at all. */
const OF_ANOTHER_RING: readonly ErrorCode[] = ['missing-key', 'wrong-key', 'invalid-token'];

/**
 * Whether this may be another ring's data: something looks encrypted under a key that is not here, and nothing at all is
 * under one that is. One value that opens, or whose key is right though its place is not, proves the ring.
 */
export function isOfAnotherRing(standings: readonly Standing[]): boolean {
  let foreign = false;
  for (const standing of standings) {
    if (standing.kind === 'encrypted') return false;
    if (standing.kind !== 'unreadable') continue;
    if (OF_ANOTHER_RING.includes(standing.code)) foreign = true;
    else if (standing.code !== 'malformed' && standing.code !== 'invalid-context') return false;
  }
  return foreign;
}
