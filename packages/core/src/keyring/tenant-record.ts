/**
 * A tenant's own secret as the key ring's document has it: one text, since a ring may have thousands, and is read for
 * every program that starts.
 *
 * id=ID tenant=T created=TIME wrapped=KEY      id=ID tenant=T created=TIME destroyed=TIME
 */

/** 16 characters `[a-z2-7]`, random: which of a tenant's secrets it is. */
export type TenantSecretId = string;

/** A tenant's own secret, which files of that tenant are derived with. */
export interface TenantSecretRecord {
  readonly id: TenantSecretId;
  readonly tenant: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly created: string;
  /** Under the ring's own key. */
  readonly wrapped: string;
}

/** What is left of a tenant's secret that was destroyed. */
export interface DestroyedTenantSecret extends Omit<TenantSecretRecord, 'wrapped'> {
  readonly destroyed: string;
}

export type TenantRecord = TenantSecretRecord | DestroyedTenantSecret;

const HEAD = /^id=([a-z2-7]{16}) tenant=([!-~]+) created=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (wrapped|destroyed)=/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** Base64url of 104 bytes. */
const WRAPPED_LENGTH = 139;
/** Where the tenant's name begins. */
const TENANT_AT = 'id= '.length + 16;

/** What percent-encoding leaves as it is: nearly every name. */
const PLAIN = /^[A-Za-z0-9._-]+$/;

/** Longer names are no directory's, and would make the ring large. */
const MOST_TENANT_BYTES = 255;

export function isDestroyed(record: TenantRecord): record is DestroyedTenantSecret {
  return Object.hasOwn(record, 'destroyed');
}

/** What a tenant with a secret of its own may be called. */
export function isTenantName(name: string): boolean {
  return name !== '' && name.isWellFormed() && Buffer.byteLength(name) <= MOST_TENANT_BYTES;
}

/** Undefined for a text that is none. The digits of a wrapped secret are looked at when it is unwrapped: of a thousand they would cost milliseconds. */
export function parseTenantRecord(text: string): TenantRecord | undefined {
  const [head, id, encoded, created, kind] = HEAD.exec(text) ?? [];
  const tenant = encoded === undefined ? undefined : decoded(encoded);
  if (head === undefined || tenant === undefined || !isTenantName(tenant)) return undefined;
  const rest = text.slice(head.length);
  const record = { id: id!, tenant, created: created! };
  if (kind === 'wrapped') return rest.length === WRAPPED_LENGTH ? { ...record, wrapped: rest } : undefined;
  return TIME.test(rest) ? { ...record, destroyed: rest } : undefined;
}

/** The record of a tenant's secret that is not destroyed, among texts that are records; the others are not parsed. */
export function findLive(texts: readonly string[], tenant: string): TenantSecretRecord | undefined {
  const name = `tenant=${encoded(tenant)} created=`;
  for (const text of texts) {
    const record = text.startsWith(name, TENANT_AT) ? parseTenantRecord(text) : undefined;
    if (record !== undefined && !isDestroyed(record)) return record;
  }
  return undefined;
}

export function printTenantRecord(record: TenantRecord): string {
  const { id, tenant, created } = record;
  const state = isDestroyed(record) ? `destroyed=${record.destroyed}` : `wrapped=${record.wrapped}`;
  return `id=${id} tenant=${encoded(tenant)} created=${created} ${state}`;
}

/** Ids that only rise, so that none is there twice; and at most one secret a tenant that is not destroyed. */
export function areInOrder(tenants: readonly TenantRecord[]): boolean {
  const live = new Set<string>();
  return tenants.every((record, i) => {
    if (i > 0 && tenants[i - 1]!.id >= record.id) return false;
    if (isDestroyed(record)) return true;
    const first = !live.has(record.tenant);
    live.add(record.tenant);
    return first;
  });
}

function encoded(tenant: string): string {
  return PLAIN.test(tenant) ? tenant : encodeURIComponent(tenant);
}

/** Undefined where the text is not the one that the name is written as. */
function decoded(text: string): string | undefined {
  if (PLAIN.test(text)) return text;
  try {
    const name = decodeURIComponent(text);
    return encodeURIComponent(name) === text ? name : undefined;
  } catch {
    return undefined;
  }
}
