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
/** A record of a secret that is not destroyed, of a tenant whose name is written as it is. */
const USUAL = /^id=[a-z2-7]{16} tenant=[A-Za-z0-9._-]{1,255} created=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z wrapped=/;
const AFTER_NAME = ' created=YYYY-MM-DDTHH:MM:SS.mmmZ wrapped='.length + WRAPPED_LENGTH;
const ID_AT = 'id='.length;
const ID_LENGTH = 16;
const TENANT_AT = ID_AT + ID_LENGTH + 1;
const NAME_AT = TENANT_AT + 'tenant='.length;

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
  const [head, id, name, created, kind] = HEAD.exec(text) ?? [];
  const tenant = name === undefined ? undefined : decoded(name);
  if (head === undefined || tenant === undefined || !isTenantName(tenant)) return undefined;
  const rest = text.slice(head.length);
  const record = { id: id!, tenant, created: created! };
  if (kind === 'wrapped') return rest.length === WRAPPED_LENGTH ? { ...record, wrapped: rest } : undefined;
  return TIME.test(rest) ? { ...record, destroyed: rest } : undefined;
}

/** The record of a tenant's secret that is not destroyed, among texts that are records; the others are not parsed. */
export function findLive(texts: readonly string[], tenant: string): TenantSecretRecord | undefined {
  const name = `tenant=${encodedTenant(tenant)} created=`;
  for (const text of texts) {
    const record = text.startsWith(name, TENANT_AT) ? parseTenantRecord(text) : undefined;
    if (record !== undefined && !isDestroyed(record)) return record;
  }
  return undefined;
}

export function printTenantRecord(record: TenantRecord): string {
  const { id, tenant, created } = record;
  const state = isDestroyed(record) ? `destroyed=${record.destroyed}` : `wrapped=${record.wrapped}`;
  return `id=${id} tenant=${encodedTenant(tenant)} created=${created} ${state}`;
}

/**
 * Whether all are records, their ids only rise, so that none is there twice, and no tenant has two that are not destroyed.
 * Nothing is taken out of a usual one that is not needed to tell: this is read for every program that starts.
 */
export function areTenantRecords(texts: readonly string[]): boolean {
  const live = new Set<string>();
  let last = '';
  for (const text of texts) {
    const id = text.slice(ID_AT, ID_AT + ID_LENGTH);
    const tenant = liveTenantOf(text);
    if (tenant === undefined || id <= last || live.has(tenant)) return false;
    last = id;
    if (tenant !== '') live.add(tenant);
  }
  return true;
}

/** Empty for a record that was destroyed, undefined for a text that is no record. */
function liveTenantOf(text: string): string | undefined {
  const end = text.indexOf(' ', NAME_AT);
  if (text.length === end + AFTER_NAME && USUAL.test(text)) return text.slice(NAME_AT, end);
  const record = parseTenantRecord(text);
  return record === undefined || !isDestroyed(record) ? record?.tenant : '';
}

/** As it stands in the ring and in headers of files: ASCII, so that messages may carry it, too. */
export function encodedTenant(tenant: string): string {
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
