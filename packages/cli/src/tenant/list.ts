import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import { Accounts, type Tenant, tenantsBase } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import { unfinishedRotation } from '../secret/unfinished-rotation.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { allTenants, fleetOf } from './fleet-of.ts';
import { type TenantRow, tenantRow } from './tenant-row.ts';
import { unitStates } from './unit-states.ts';

const HEAD = ['TENANT', 'ENCRYPTED', 'MODE', 'OWNER', 'SERVICE', 'KEY', 'ROTATED', 'DUE', 'PROBLEMS'];

/** Looks at files and services; nothing is decrypted. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const fleet = fleetOf(workspace);
  await requireRole(workspace, session, 'auditor', { operation: 'tenant-list', object: workspace.configuration.file });
  const tenants = allTenants(workspace);
  const rows = await tenantRows(tenants, workspace, session);
  const unfinished = unfinishedRotation(workspace);
  if (args.flag('json')) {
    session.terminal.json({ tenants: rows, credentialRotation: unfinished?.id ?? null });
    return 0;
  }
  if (rows.length === 0) {
    session.terminal.line(`No tenants in ${tenantsBase(fleet.path)}.`);
    return 0;
  }
  session.terminal.table(HEAD, rows.map(cells));
  const wrong = rows.filter(({ problems }) => problems.length > 0).length;
  session.terminal.line(`${counted(rows.length, 'tenant')}, ${wrong === 0 ? 'nothing wrong with them' : `something is wrong with ${wrong}: lockfast tenant audit`}`);
  if (unfinished !== undefined) session.terminal.warn(unfinished.warning);
  return 0;
}

/** All at once: one question to the service manager, one key ring. */
export async function tenantRows(tenants: readonly Tenant[], workspace: Workspace, session: Session): Promise<TenantRow[]> {
  const around = {
    accounts: new Accounts(),
    below: tenantsBase(fleetOf(workspace).path),
    configuration: workspace.configuration,
    ring: await ringIfItOpens(workspace, session),
    states: await unitStates(tenants, session),
    now: Date.now(),
  };
  return tenants.map((tenant) => tenantRow(tenant, around));
}

/** Whoever may only look has no root key, and sees the rest. */
async function ringIfItOpens(workspace: Workspace, { terminal }: Session): Promise<KeyRing | undefined> {
  try {
    return await workspace.ring();
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    terminal.warn(`what is due is not known: ${error.message}`);
    return undefined;
  }
}

function cells({ tenant, encrypted, mode, owner, service, key, rotated, due, problems }: TenantRow): string[] {
  return [tenant, encrypted ? 'yes' : 'no', mode ?? '-', owner ?? '-', service ?? '-', key ?? '-', rotated?.slice(0, 10) ?? '-', due.length === 0 ? '-' : due.join(', '), problems.join('; ')];
}
