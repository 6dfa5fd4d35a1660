/** The tenants' own secrets, wrapped under the ring's own key RK: one that is destroyed takes all files with it that were derived with it. */
import { randomBytes } from 'node:crypto';

import { LockfastError } from '../errors.ts';
import { lengthPrefixed } from '../formats/length-prefix.ts';
import { readableId } from '../formats/readable-id.ts';
import type { RingDocument } from './ring-document.ts';
import { Secret } from './secret.ts';
import { encodedTenant, isDestroyed, isTenantName, type TenantRecord, type TenantSecretId, type TenantSecretRecord } from './tenant-record.ts';
import { unwrapKey, wrapKey } from './wrapping.ts';

/** What a tenant's secret is bound to, beside its tenant and id. */
type Scope = Pick<RingDocument, 'ring' | 'environment'>;
type Tenants = readonly TenantRecord[];

/** With a secret for each of `names` that has none. @throws LockfastError `usage` for a name that can't have one */
export function withSecrets(tenants: Tenants, names: readonly string[], ringKey: Secret, scope: Scope, now: string): Tenants {
  const ids = new Set(tenants.map(({ id }) => id));
  const have = new Set(tenants.filter((record) => !isDestroyed(record)).map(({ tenant }) => tenant));
  const made = [...new Set(names)].filter((name) => !have.has(name)).map((tenant) => newSecret(ringKey, scope, tenant, ids, now));
  return made.length === 0 ? tenants : [...tenants, ...made].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Without the bytes of a tenant's secret. @throws LockfastError `no-such-key` */
export function withoutSecret(tenants: Tenants, name: string, now: string): Tenants {
  if (!tenants.some((record) => record.tenant === name && !isDestroyed(record))) throw noSecret(name);
  return tenants.map((record) => {
    if (record.tenant !== name || isDestroyed(record)) return record;
    const { id, tenant, created } = record;
    return { id, tenant, created, destroyed: now };
  });
}

/** All of them wrapped under another key. @throws LockfastError as `unwrapKey` */
export function rewrapped(tenants: Tenants, from: Secret, to: Secret, scope: Scope): Tenants {
  return tenants.map((record) => (isDestroyed(record) ? record : { ...record, wrapped: wrapSecret(to, scope, record, unwrapTenantSecret(from, scope, record)) }));
}

/** @throws LockfastError as `unwrapKey` */
export function unwrapTenantSecret(ringKey: Secret, scope: Scope, record: TenantSecretRecord): Secret {
  return unwrapKey(ringKey, 'lockfast/tenant-wrap', record.wrapped, bindingOf(scope, record));
}

/** Why a secret that a file names can't be had. */
export function secretIsGone(tenants: Tenants, tenant: string, id: TenantSecretId, environment: string): LockfastError {
  const record = tenants.find((one) => one.id === id && one.tenant === tenant);
  if (record !== undefined && isDestroyed(record)) {
    return new LockfastError(
      'missing-key',
      `the key of the tenant ${encodedTenant(tenant)} was destroyed on purpose at ${record.destroyed}: it can't be decrypted`,
      'remove the file; if destroying it was a mistake, only a key ring or recovery backup from before has that key',
    );
  }
  return new LockfastError('missing-key', `the key ring of ${environment} has no key of the tenant ${encodedTenant(tenant)} that fits`, 'get the newest key ring, from git or a backup');
}

function noSecret(tenant: string): LockfastError {
  return new LockfastError('no-such-key', `the tenant ${encodedTenant(tenant)} has no key of its own in the key ring`, 'give it one with `lockfast tenant own-key`, which also encrypts its files with it');
}

function newSecret(ringKey: Secret, scope: Scope, tenant: string, taken: Set<TenantSecretId>, now: string): TenantSecretRecord {
  if (!isTenantName(tenant)) throw new LockfastError('usage', 'the tenant name is not one that can have a key of its own', 'use a name of 1 to 255 bytes');
  const id = newId(taken);
  return { id, tenant, created: now, wrapped: wrapSecret(ringKey, scope, { id, tenant }, Secret.random()) };
}

/** 80 random bits in base32, once in 2^80 drawn again. */
function newId(taken: Set<TenantSecretId>): TenantSecretId {
  for (;;) {
    const id = readableId(randomBytes(16));
    if (taken.has(id)) continue;
    taken.add(id);
    return id;
  }
}

function wrapSecret(ringKey: Secret, scope: Scope, record: Pick<TenantRecord, 'id' | 'tenant'>, secret: Secret): string {
  return wrapKey(ringKey, 'lockfast/tenant-wrap', secret, bindingOf(scope, record));
}

function bindingOf({ ring, environment }: Scope, { tenant, id }: Pick<TenantRecord, 'id' | 'tenant'>): Buffer {
  return lengthPrefixed([ring, environment, tenant, id]);
}
