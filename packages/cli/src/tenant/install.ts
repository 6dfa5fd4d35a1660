import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { type Installation, installedWay, installTenant, plannedInstallation, type ServiceManager, type Tenant, type UnitFile, type Way } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { managerOf, namedTenants } from './fleet-of.ts';
import { installationOf } from './installation.ts';
import { ReloadingOnce } from './reloading-once.ts';
import { restarted } from './restart.ts';
import { layered, readLayers, withValues } from './tenant-layers.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const way = args.text('way') as Way | undefined;
  const tenants = chosenTenants(args, session, workspace).map((tenant) => (way === undefined ? tenant : { ...tenant, way }));
  const command = args.text('exec');
  if (command !== undefined && tenants.length > 1) throw new LockfastError('usage', 'tenant install: --exec is for one tenant', 'name one');
  const installation = installationOf(workspace, session);
  const systemd = systemdOf(tenants, session);
  // A restart needs the units read again each time.
  const manager = args.flag('now') ? systemd : new ReloadingOnce(systemd);
  try {
    return await installAll(tenants, { args, session, workspace, way, command, installation, manager });
  } finally {
    if (manager instanceof ReloadingOnce) await manager.reloadIfDue();
  }
}

interface Installing {
  readonly args: Arguments;
  readonly session: Session;
  readonly workspace: Workspace;
  readonly way: Way | undefined;
  readonly command: string | undefined;
  readonly installation: Installation;
  readonly manager: ServiceManager;
}

async function installAll(tenants: readonly Tenant[], { args, session, workspace, way, command, installation, manager }: Installing): Promise<number> {
  const done: { tenant: string; way: Way; files: readonly string[]; changed: boolean; restarted: boolean }[] = [];
  const plans: UnitFile[] = [];
  for (const tenant of tenants) {
    if (args.flag('dry-run')) {
      const planned = await plannedInstallation(tenant, installation, manager, command);
      if (args.flag('json')) plans.push(...planned);
      else for (const { path, text } of planned) session.terminal.raw(`# ${path}\n${text}\n`);
      continue;
    }
    await refuseOpenFile(tenant, way ?? tenant.way, args, manager, installation);
    const event = { operation: 'tenant-install', object: tenant.service ?? tenant.name, tenant: tenant.name, environment: workspace.configuration.environment, details: { way: tenant.way } };
    await requireRole(workspace, session, 'operator', event);
    const { files, changed } = await audited(await workspace.audit(), event, () => installTenant(tenant, installation, manager, command));
    if (args.flag('now')) await restart(tenant, workspace, manager);
    done.push({ tenant: tenant.name, way: tenant.way, files, changed, restarted: args.flag('now') });
    if (!args.flag('json')) {
      const then = args.flag('now') ? 'restarted, and well' : changed ? 'counts from its next start' : 'as it was';
      session.terminal.line(`${tenant.name}: ${tenant.service!} gets its variables the way "${tenant.way}"; ${then}`);
      if (way !== undefined && way !== namedTenants(workspace, [tenant.name])[0]!.way) session.terminal.note(`lockfast.toml says another way for ${tenant.name}: write way = "${way}" into [tenant.${/^[\w-]+$/.test(tenant.name) ? tenant.name : JSON.stringify(tenant.name)}], so that it stays`);
    }
  }
  if (args.flag('json')) session.terminal.json(args.flag('dry-run') ? plans : done);
  return 0;
}

/** Those that are named; all of them only when that is said. */
export function chosenTenants(args: Arguments, session: Session, workspace: Workspace): Tenant[] {
  if ((args.operands.length === 0) !== args.flag('all')) throw new LockfastError('usage', `${session.command}: say which tenants`, 'name them, or give --all');
  return namedTenants(workspace, args.operands);
}

/** @throws LockfastError `service-missing` where no tenant has a service, `tool-missing` where there is no systemd */
export function systemdOf(tenants: readonly Tenant[], session: Session): ServiceManager {
  if (tenants.every(({ service }) => service === undefined)) throw new LockfastError('service-missing', 'no service is configured for these tenants', 'set `service` in [tenants], for example service = "{tenant}.service"');
  const manager = managerOf(tenants, session);
  if (manager === undefined) throw new LockfastError('tool-missing', 'this machine was not started with systemd', 'start the program with `lockfast run --tenant NAME -- CMD`, from whatever starts your services');
  return manager;
}

/** The running service's stop must still be the one that encrypts what was changed. */
export async function refuseOpenFile(tenant: Tenant, way: Way | undefined, args: Arguments, manager: ServiceManager, installation: Installation): Promise<void> {
  if (installedWay(tenant, installation) !== 'file' || way === 'file') return;
  const [state] = await manager.states([tenant.service!]);
  if (state!.active === 'inactive' || state!.active === 'failed') return;
  if (!args.flag('now')) throw new LockfastError('busy', `${tenant.service} runs with its .env open`, 'stop it first, or give --now');
  await manager.stop(tenant.service!);
}

async function restart(tenant: Tenant, workspace: Workspace, manager: ServiceManager): Promise<void> {
  const { http, command } = tenant.health;
  const variables = http === undefined && command === undefined ? new Map<string, string>() : withValues(layered(await readLayers(tenant, workspace)));
  const health = await restarted(tenant, manager, variables);
  if (!health.well) throw new LockfastError('service-failed', `${tenant.service} is not well after its restart: ${health.why}`, `see why: journalctl -u ${tenant.service}; back with: lockfast tenant uninstall ${tenant.name}`);
}
