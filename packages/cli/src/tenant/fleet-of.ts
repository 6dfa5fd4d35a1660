/** The tenants of a workspace, and who manages their services. */
import { LockfastError } from '@lockfast/core/errors';
import { existingTenant, type FleetSettings, isBooted, type ServiceManager, Systemctl, type Tenant, tenantsOf } from '@lockfast/fleet';

import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';

/** @throws LockfastError `config-invalid` where no tenants are configured */
export function fleetOf({ configuration: { file, fleet } }: Workspace): FleetSettings {
  if (fleet !== undefined) return fleet;
  throw new LockfastError('config-invalid', `${file} says nothing of tenants`, 'add [tenants] with path = "/srv/tenants/{tenant}", or the like');
}

/** Those that are named, or all. @throws LockfastError `no-such-tenant`, `usage`, `config-invalid` */
export function namedTenants(workspace: Workspace, names: readonly string[]): Tenant[] {
  return names.length === 0 ? allTenants(workspace) : names.map((name) => existingTenant(fleetOf(workspace), name));
}

/** @throws LockfastError `permission-denied` where they can't be listed: to find nothing wrong with none of them would be no answer; `config-invalid` */
export function allTenants(workspace: Workspace): Tenant[] {
  return tenantsOf(fleetOf(workspace), (directory) => {
    throw new LockfastError('permission-denied', `${directory} can not be listed`, 'run it as its owner or as root');
  });
}

/**
 * Who manages the tenants' services: root's systemd for root, else one's own. undefined where systemd does not run, or no
 * tenant of these has a service.
 */
export function managerOf(tenants: readonly Tenant[], { environment }: Session): ServiceManager | undefined {
  if (!isBooted() || tenants.every(({ service }) => service === undefined)) return undefined;
  return new Systemctl(process.geteuid?.() === 0 ? 'system' : 'user', environment);
}
