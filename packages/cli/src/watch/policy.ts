/** What the configuration says of how things should be, as the rules of the watch ask for it. */
import { statSync } from 'node:fs';

import { Accounts, existingTenant } from '@lockfast/fleet';
import type { Policy } from '@lockfast/watch';

import type { Configuration } from '../configuration.ts';
import { isInWindow } from '../key/maintenance-window.ts';
import { isListed } from '../permission.ts';

export function policyOf(configuration: Configuration): Policy {
  const { environment, maintenanceWindow } = configuration;
  return {
    environment,
    isProduction: environment === 'production',
    isMaintenance: (time) => (maintenanceWindow === undefined ? undefined : isInWindow(maintenanceWindow, new Date(time))),
    expects: expectation(configuration),
  };
}

/** Each question is answered once: a ledger asks the same a million times. */
function expectation({ alerts, roles, fleet, file }: Configuration): Policy['expects'] {
  const named = alerts.users ?? (roles === undefined ? undefined : Object.values(roles).flat());
  if (named === undefined) return () => undefined;
  const accounts = new Accounts();
  const listed = new Map<string, boolean>();
  const owners = new Map<string, string | undefined>();
  // As whom units open the key ring.
  const keeper = accounts.nameOf(statSync(file).uid);
  const ownerOf = (tenant: string): string | undefined => {
    if (fleet === undefined) return undefined;
    try {
      const { user, directory } = existingTenant(fleet, tenant);
      return user ?? accounts.nameOf(statSync(directory).uid);
    } catch {
      return undefined;
    }
  };
  return (person, tenant) => {
    if (!listed.has(person)) listed.set(person, person === keeper || isListed(person, named));
    if (listed.get(person)!) return true;
    if (tenant === undefined) return false;
    if (!owners.has(tenant)) owners.set(tenant, ownerOf(tenant));
    return owners.get(tenant) === person;
  };
}
