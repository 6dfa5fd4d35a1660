import { LockfastError } from '@lockfast/core/errors';
import { encodedTenant, isDestroyed, type KeyRing, parseTenantRecord, type TenantRecord } from '@lockfast/core/keyring';

import { readRing } from '../ring-document.ts';

/** More tenants than these help nobody. */
const MOST_TENANTS = 10;

/** What a ring's file says of itself, whether it opens or not. */
interface Present {
  readonly ring: string;
  /** Data keys and index keys that have their bytes. */
  readonly keys: readonly string[];
  readonly tenants: readonly TenantRecord[];
}

/**
 * The keys of the ring at a path that another one does not have: the ids of data keys and index keys, and `of the tenant acme`.
 * None for a ring that is damaged, or not there.
 */
export function keysLacking(ring: KeyRing, keyring: string): string[] {
  const present = presentAt(keyring);
  if (present === undefined) return [];
  // Ids are a ring's own: of another ring none is the same key.
  const isSame = present.ring === ring.version.ring;
  const given = new Set<string>(isSame ? [...withBytes(ring.keys), ...withBytes(ring.indexKeys), ...live(ring.tenants).map(({ id }) => id)] : []);
  const tenants = live(present.tenants).filter(({ id }) => !given.has(id)).map(({ tenant }) => `of the tenant ${encodedTenant(tenant)}`);
  const more = tenants.length - MOST_TENANTS;
  return [...present.keys.filter((id) => !given.has(id)), ...tenants.slice(0, MOST_TENANTS), ...(more > 0 ? [`of ${more} more tenants`] : [])];
}

/** The tenants whose keys the ring at a path names as destroyed, and another version of it has. */
export function tenantsRevived(ring: KeyRing, keyring: string): string[] {
  const present = presentAt(keyring);
  if (present?.ring !== ring.version.ring) return [];
  const destroyed = new Set(present.tenants.filter(isDestroyed).map(({ id }) => id));
  return live(ring.tenants).filter(({ id }) => destroyed.has(id)).map(({ tenant }) => tenant);
}

/** Ids of the tenants' keys that the ring at a path has, as its file says. None for a ring that is damaged, or not there. */
export function tenantKeysAt(keyring: string): ReadonlySet<string> {
  return new Set(live(presentAt(keyring)?.tenants ?? []).map(({ id }) => id));
}

/** Undefined for a ring that is damaged, or not there. */
function presentAt(keyring: string): Present | undefined {
  try {
    const { ring, keys, indexes, tenants } = readRing(keyring);
    return { ring, keys: [...withBytes(keys), ...withBytes(indexes)], tenants: tenants.map((text) => parseTenantRecord(text)!) };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return undefined;
  }
}

function withBytes(keys: readonly { readonly id: string; readonly wrapped: string }[]): string[] {
  return keys.filter(({ wrapped }) => wrapped !== '').map(({ id }) => id);
}

function live(tenants: readonly TenantRecord[]): TenantRecord[] {
  return tenants.filter((record) => !isDestroyed(record));
}
