import { audited } from '@lockfast/core/audited';
import { uninstallTenant } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenTenants, refuseOpenFile, systemdOf } from './install.ts';
import { installationOf } from './installation.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenants = chosenTenants(args, session, workspace);
  const installation = installationOf(workspace, session);
  const manager = systemdOf(tenants, session);
  const done: { tenant: string; removed: readonly string[] }[] = [];
  for (const tenant of tenants) {
    await refuseOpenFile(tenant, undefined, args, manager, installation);
    const event = { operation: 'tenant-uninstall', object: tenant.service ?? tenant.name, tenant: tenant.name, environment: workspace.configuration.environment };
    await requireRole(workspace, session, 'operator', event);
    const { removed } = await audited(await workspace.audit(), event, () => uninstallTenant(tenant, installation, manager));
    done.push({ tenant: tenant.name, removed });
    if (!args.flag('json')) session.terminal.line(`${tenant.name}: ${removed.length === 0 ? 'nothing was installed' : `${counted(removed.length, 'file')} removed; ${tenant.service!} starts without Lockfast from now on, and so without these variables`}`);
  }
  if (args.flag('json')) session.terminal.json(done);
  return 0;
}
