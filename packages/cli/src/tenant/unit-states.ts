import { LockfastError } from '@lockfast/core/errors';
import { isRunning as runs, type Tenant, type UnitState } from '@lockfast/fleet';

import type { Session } from '../session.ts';
import { managerOf } from './fleet-of.ts';

/** The state of each tenant's service, by the tenant's name, asked for at once. Empty where there is no manager, or it does not answer, which is said. */
export async function unitStates(tenants: readonly Tenant[], session: Session): Promise<ReadonlyMap<string, UnitState>> {
  const manager = managerOf(tenants, session);
  const served = tenants.filter(({ service }) => service !== undefined);
  if (manager === undefined || served.length === 0) return new Map();
  try {
    const states = await manager.states(served.map(({ service }) => service!));
    return new Map(served.map(({ name }, i) => [name, states[i]!]));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    session.terminal.warn(`the states of the services are not known: ${error.message}`);
    return new Map();
  }
}

/** undefined where nobody can tell. */
export function isRunning(state: UnitState | undefined): boolean | undefined {
  return state === undefined ? undefined : runs(state);
}
