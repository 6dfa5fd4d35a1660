import type { ErrorCode } from '@lockfast/core/errors';
import type { KeyId } from '@lockfast/core/formats';

import type { ForeignFormatName } from '../foreign/index.ts';
import type { FormatName } from '../stored-format.ts';
import type { TenantKey } from '../tenant-format.ts';

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
      /** In the column's format, under the key that encrypts now, and with a tenant's own where that is declared. */
      readonly current: boolean;
      /** Of a column that names its tenants: with which key beside the data key. */
      readonly tenantKey?: TenantKey;
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
  /** When the key of its tenant was destroyed, ISO 8601: it is unreadable on purpose, and for good. The code is `key-not-usable` then. */
  readonly shredded?: string;
}

/** Whether it can't be read on purpose: its tenant's key was destroyed. */
export function isShredded(standing: Standing): boolean {
  return standing.kind === 'unreadable' && standing.shredded !== undefined;
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
