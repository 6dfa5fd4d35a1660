/** Restarts a tenant's service and waits until it is well. */
import { LockfastError } from '@lockfast/core/errors';
import { type Health, type ServiceManager, type Tenant, untilWell } from '@lockfast/fleet';

/** @returns what was found; a service that did not start is not well */
export async function restarted(tenant: Tenant, manager: ServiceManager, variables: ReadonlyMap<string, string>): Promise<Health> {
  try {
    await manager.restart(tenant.service!);
  } catch (error) {
    if (!(error instanceof LockfastError) || error.code !== 'service-failed') throw error;
    return { well: false, why: 'it did not start' };
  }
  return untilWell({ tenant, manager, variables });
}
