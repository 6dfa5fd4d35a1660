/** Changes of keys that were refused, made at the wrong time, or use what must not be used any more. */
import type { ErrorCode } from '@lockfast/core/errors';
import { isDestroyed, parseTenantRecord } from '@lockfast/core/keyring';

import { isAccess } from '../ledger-event.ts';
import { NONE, type Rule } from '../rule.ts';

const USES_ROOT_KEY: ReadonlySet<string> = new Set(['key-rotate', 'key-rewrap', 'key-source-add', 'key-source-remove', 'key-split', 'key-combine', 'key-restore', 'key-export']);

/** The key is not there at all; a wrong one is a failed decrypt. */
const KEY_IS_MISSING: ReadonlySet<string> = new Set<ErrorCode>(['ring-missing', 'source-unavailable', 'missing-key', 'no-such-source', 'invalid-key']);
const UNUSABLE: ReadonlySet<string> = new Set(['retired', 'destroyed']);

/** That it was refused for want of another person is how it should be. */
const EXPECTED_REFUSALS: ReadonlySet<string> = new Set<ErrorCode>(['approval-needed', 'confirmation-needed']);

export const rootKeyOutsideWindow: Rule = {
  what: 'a change of keys that takes the root key, outside of `maintenance.window`; without a window it never fires',
  severity: 'critical',
  take: (event, { policy }) => {
    if (!USES_ROOT_KEY.has(event.operation) || event.outcome === 'refused' || policy.isMaintenance(event.time) !== false) return NONE;
    return [{ cause: `${event.operation} ${event.person} ${event.seq}`, summary: `${event.operation} by ${event.person} outside the maintenance window (${event.outcome})`, hint: 'ask them; when it was not them: docs/runbooks', seq: event.seq }];
  },
};

export const keyOperationRefused: Rule = {
  what: 'a key operation that was refused, or failed',
  severity: 'critical',
  take: ({ operation, outcome, code, person, seq }) => {
    if (!operation.startsWith('key-') || (outcome !== 'refused' && outcome !== 'failure')) return NONE;
    const severity = outcome === 'refused' && !EXPECTED_REFUSALS.has(code ?? '') ? 'critical' : 'warning';
    return [{ cause: `${operation} ${person} ${code ?? ''}`, summary: `${operation} by ${person} ${outcome === 'refused' ? 'was refused' : 'failed'} (${code ?? 'no code'})`, hint: `see lockfast ledger list --operation ${operation}`, severity, seq }];
  },
};

/** In memory: when each tenant's own key was destroyed. That nothing of it opens afterwards is what was wanted. */
export const keyMissing: Rule = {
  what: 'a use of keys failed since the key is not there, or the key ring is gone; a warning outside of production. Not where a tenant has none on purpose',
  severity: 'critical',
  rememberMs: () => Number.POSITIVE_INFINITY,
  take: ({ outcome, code, environment, operation, object, tenant, person, seq, time }, { policy, memory }) => {
    if (operation === 'tenant-shred' && outcome === 'success') memory.set(tenant ?? object, [time]);
    if (operation === 'tenant-own-key' && outcome === 'success') memory.delete(tenant ?? object);
    if (outcome !== 'failure' || !KEY_IS_MISSING.has(code ?? '')) return NONE;
    if (code === 'missing-key' && (isBeforeTenantsKey(operation) || (tenant !== undefined && memory.has(tenant)))) return NONE;
    const severity = policy.isProduction && environment !== undefined && environment === policy.environment ? 'critical' : 'warning';
    return [{ cause: `${code!} ${tenant ?? object}`, tenant, summary: `${operation} of ${tenant ?? object} by ${person} found no key (${code!})`, hint: "run lockfast doctor as that account; where columns are under tenants' own keys, lockfast tenant own-key --from-columns --dry-run says who has none", severity, seq }];
  },
  look: ({ ring }, { policy, memory }) => {
    if (ring === undefined) return NONE;
    if (!('code' in ring)) {
      // Destroyed before the ledger began, or by a ring from elsewhere: from the first look on.
      for (const { tenant, destroyed } of endedTenants(ring.tenants ?? [])) if (!memory.has(tenant)) memory.set(tenant, [destroyed]);
      return NONE;
    }
    return [{ cause: 'key ring', summary: `the key ring can not be read (${ring.code})`, hint: 'put it back from git or a backup', state: ring.code, severity: policy.isProduction ? 'critical' : 'warning' }];
  },
};

/** A job over columns refuses before its first row while a tenant has no key of its own yet, and names it to who started it. */
function isBeforeTenantsKey(operation: string): boolean {
  return operation.startsWith('column-');
}

/** Those whose own key was destroyed, and who have no other. */
function endedTenants(records: readonly string[]): { readonly tenant: string; readonly destroyed: number }[] {
  const parsed = records.flatMap((text) => parseTenantRecord(text) ?? []);
  const living = new Set(parsed.filter((record) => !isDestroyed(record)).map(({ tenant }) => tenant));
  return parsed.filter(isDestroyed).flatMap(({ tenant, destroyed }) => (living.has(tenant) ? [] : [{ tenant, destroyed: Date.parse(destroyed) }]));
}

/** In memory: when each key was retired, by its id. What was told stays in the ring, so nothing is forgotten. */
export const retiredKeyUsed: Rule = {
  what: 'a key that is retired or destroyed encrypted or decrypted something',
  severity: 'critical',
  rememberMs: () => Number.POSITIVE_INFINITY,
  take: (event, { memory }) => {
    const { operation, outcome, keyId, object, tenant, person, seq, time } = event;
    const key = keyId ?? object;
    if ((operation === 'key-retire' || operation === 'key-destroy') && outcome === 'success') memory.set(key, [time]);
    if (operation === 'key-activate' && outcome === 'success') memory.delete(key);
    const [retired] = keyId === undefined ? [] : (memory.get(keyId) ?? []);
    if (!isAccess(event) || outcome !== 'success' || retired === undefined || time <= retired) return NONE;
    return [{ cause: `${keyId!} ${tenant ?? object}`, tenant, summary: `${operation} of ${tenant ?? object} by ${person} used the key ${keyId!}, which is retired`, hint: `look for an old key ring there; then: lockfast key usage ${keyId!}`, seq }];
  },
  look: ({ ring }, { memory }) => {
    if (ring === undefined || 'code' in ring) return NONE;
    // Retired before the ledger began, or elsewhere: from the first look on.
    for (const { id, state } of ring.keys) if (UNUSABLE.has(state) && !memory.has(id)) memory.set(id, [0]);
    return NONE;
  },
};
