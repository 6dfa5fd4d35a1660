/** Which variables a new tenant gets, and from where: what all share, what is generated, PORT and DOMAIN, and its own. */
import { isPlaceholder } from '@lockfast/core/env/lint';

import type { Tenant } from './fleet.ts';

/** `example`: from a template, where there is nothing that all share. */
export type Origin = 'given' | 'generated' | 'port' | 'domain' | 'shared' | 'example';

export interface PlannedVariable {
  readonly name: string;
  readonly value: string;
  readonly origin: Origin;
}

export interface TenantPlan {
  /** To be added to its own file, in order. */
  readonly added: readonly PlannedVariable[];
  /** Names that were given another value for, and keep the one that they have. */
  readonly kept: readonly string[];
  /** Required names that no layer has. */
  readonly missing: readonly string[];
  /** Names that the template asks for, and that nothing gives a value to. */
  readonly unfilled: readonly string[];
}

export interface TenantLayers {
  readonly tenant: Pick<Tenant, 'name' | 'required' | 'generated'>;
  /** What its file has already. */
  readonly own: ReadonlyMap<string, string>;
  /** What all share; undefined where there is nothing, and then the template serves. */
  readonly shared: ReadonlyMap<string, string> | undefined;
  readonly template: ReadonlyMap<string, string>;
  readonly given: ReadonlyMap<string, string>;
  readonly port: string | undefined;
  /** Whether the shared ones are copied into its file. */
  readonly copy: boolean;
}

/** @param generate gives a new value each time */
export function planTenant({ tenant, own, shared, template, given, port, copy }: TenantLayers, generate: () => string): TenantPlan {
  const added = new Map<string, PlannedVariable>();
  const kept: string[] = [];
  const add = (name: string, value: string, origin: Origin): void => {
    if (own.has(name)) {
      if (origin !== 'generated' && origin !== 'example' && origin !== 'shared' && own.get(name) !== value) kept.push(name);
    } else if (!added.has(name)) added.set(name, { name, value, origin });
  };
  for (const [name, value] of given) add(name, value, 'given');
  for (const name of tenant.generated) if (!own.has(name) && !added.has(name)) add(name, generate(), 'generated');
  if (port !== undefined) add('PORT', port, 'port');
  if (!own.has('DOMAIN')) add('DOMAIN', tenant.name, 'domain');
  const usable = [...template].filter(([, value]) => value !== '' && !isPlaceholder(value));
  if (shared === undefined) for (const [name, value] of usable) add(name, value, 'example');
  else if (copy) for (const [name, value] of shared) add(name, value, 'shared');
  const has = (name: string): boolean => own.has(name) || added.has(name) || shared?.has(name) === true;
  return {
    added: [...added.values()],
    kept,
    missing: tenant.required.filter((name) => !has(name)),
    unfilled: [...template.keys()].filter((name) => !has(name)),
  };
}
