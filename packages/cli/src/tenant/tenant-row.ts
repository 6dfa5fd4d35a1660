/** One tenant at a glance: what looking at its files, its service and the key ring tells. Nothing is decrypted. */
import type { FileHeader } from '@lockfast/core/env';
import type { KeyRing } from '@lockfast/core/keyring';
import { type Accounts, filesFindings, octal, seeTenant, type Tenant, type UnitState } from '@lockfast/fleet';

import type { Configuration } from '../configuration.ts';
import { rotationDueIn } from '../key/schedule.ts';
import { isRunning } from './unit-states.ts';

/** As `tenant list --json` prints it. */
export interface TenantRow {
  readonly tenant: string;
  readonly encrypted: boolean;
  /** Of the encrypted file, for example `0400`; null without one. */
  readonly mode: string | null;
  /** Whose its directory is. */
  readonly owner: string | null;
  /** What its unit is: `active`, `failed`, `not-found` and their like; null where there is none, or nobody can tell. */
  readonly service: string | null;
  readonly unit: string | null;
  readonly way: string;
  readonly key: string | null;
  /** Whether a key of the tenant's own took part in its file: one that `tenant shred` can destroy. null without a file. */
  readonly ownKey: boolean | null;
  readonly revision: number | null;
  /** Since when its key encrypts, ISO 8601; null where the key ring does not open here. */
  readonly rotated: string | null;
  readonly due: readonly string[];
  readonly problems: readonly string[];
}

export interface RowSurroundings {
  readonly accounts: Accounts;
  readonly below: string;
  readonly configuration: Configuration;
  /** undefined where it does not open here. */
  readonly ring: KeyRing | undefined;
  readonly states: ReadonlyMap<string, UnitState>;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

export function tenantRow(tenant: Tenant, { accounts, below, configuration, ring, states, now }: RowSurroundings): TenantRow {
  const seen = seeTenant(tenant);
  const state = states.get(tenant.name);
  const { header, encrypted, directory } = seen;
  const findings = filesFindings(tenant, seen, { accounts, below, environment: configuration.environment, isRunning: isRunning(state) });
  const service = state === undefined ? null : state.load === 'loaded' ? state.active : state.load;
  return {
    tenant: tenant.name,
    encrypted: header !== undefined,
    mode: encrypted === undefined ? null : octal(encrypted.mode),
    owner: directory === undefined ? null : accounts.nameOf(directory.uid),
    service,
    unit: tenant.service ?? null,
    way: tenant.way,
    key: header?.key ?? null,
    ownKey: header === undefined ? null : header.tenantSecret !== null,
    revision: header?.revision ?? null,
    rotated: ring?.keys.find(({ id }) => id === header?.key)?.activated ?? null,
    due: header === undefined || ring === undefined ? [] : dueOf(header, ring, configuration, now),
    problems: [...findings.map(({ path, detail }) => (path === tenant.directory ? detail : `${path.slice(tenant.directory.length + 1)}: ${detail}`)), ...(service === 'failed' || service === 'not-found' ? [`service ${service}`] : [])],
  };
}

function dueOf({ key, tenant, tenantSecret }: FileHeader, ring: KeyRing, configuration: Configuration, now: number): string[] {
  const { overdue } = rotationDueIn(ring, configuration, now);
  const own = ring.tenantSecretId(tenant);
  return [
    ...(overdue ? ['a new data key'] : []),
    ...(key === ring.active().id ? [] : [`encryption under ${ring.active().id}`]),
    ...(own === undefined || own === tenantSecret ? [] : ['encryption under its own key']),
  ];
}
