import { dirname, join, resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, shownPath, withFileLock } from '@lockfast/core/files';
import { existingTenant, type ImportJournal, isTenantName, octal, openImports, see, type Tenant, tenantDirectories, tenantNamed, tenantOf } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { refuseOutsideWindow } from '../key/maintenance-window.ts';
import { requireRole } from '../permission.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { allTenants, fleetOf, managerOf } from './fleet-of.ts';
import { backupName } from './tenant-backup.ts';
import { beginImport, finishImport, type ImportedTenant, type ImportPlace, importsDirectory } from './tenant-import.ts';

/** One import at a time. Whoever comes second is told at once. */
const DO_NOT_WAIT = 0;

interface Planned {
  readonly tenant: Tenant;
  readonly journal: Omit<ImportJournal, 'format'>;
}

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const fleet = fleetOf(workspace);
  await requireRole(workspace, session, 'operator', { operation: 'tenant-import', object: workspace.configuration.file });
  const tenants = askedTenants(args, workspace, session);
  const journals = importsDirectory(dirname(workspace.configuration.keyring));
  const all = [...tenants, ...openImports(journals).map(({ tenant }) => tenantNamed(fleet, tenant))];
  const place: ImportPlace = { workspace, session, fleet, journals, manager: managerOf(all, session), dialect: workspace.dialect(args) };
  if (args.flag('dry-run')) return dryRun((await plan(tenants, args, place)).planned, args, place);
  ensureDirectory(journals);
  return withFileLock(workspace.stateDirectory, join(journals, 'import'), () => importAll(tenants, args, place), DO_NOT_WAIT);
}

async function importAll(tenants: readonly Tenant[], args: Arguments, place: ImportPlace): Promise<number> {
  const { session, fleet, journals } = place;
  const done: ImportedTenant[] = [];
  for (const journal of openImports(journals)) {
    session.terminal.note(`finishing the import of ${journal.tenant} that began at ${shownMinute(journal.started)}`);
    done.push(await finishImport(tenantNamed(fleet, journal.tenant), journal, place));
    if (done.at(-1)!.because !== null && !args.flag('keep-going')) return report(done, { untried: [], refused: [] }, args, session);
  }
  const { planned, refused } = await plan(tenants, args, place);
  const running = planned.filter(({ journal }) => journal.wasRunning).length;
  if (planned.length > 0) confirm(args, session, `Encrypt the env files of ${counted(planned.length, 'tenant')}${running === 0 ? '' : ` and restart ${counted(running, 'service')}`}?`);
  const progress = new Progress(session.terminal, 'tenants');
  try {
    for (const [i, { tenant, journal }] of planned.entries()) {
      progress.show(i, planned.length);
      done.push(await finishImport(tenant, journal, place));
      if (done.at(-1)!.because !== null && !args.flag('keep-going')) break;
    }
  } finally {
    progress.end();
  }
  const left = planned.filter(({ tenant }) => !done.some((one) => one.tenant === tenant.name)).map(({ tenant }) => tenant.name);
  return report(done, { untried: left, refused }, args, session);
}

/** Everything that can be refused is, before the first tenant is touched. With --keep-going it is said, and the others are done. */
async function plan(tenants: readonly Tenant[], args: Arguments, place: ImportPlace): Promise<{ readonly planned: readonly Planned[]; readonly refused: readonly string[] }> {
  const planned: Planned[] = [];
  const refused: string[] = [];
  const now = new Date();
  for (const tenant of tenants) {
    try {
      const journal = await beginImport(tenant, backupName('import', tenant.name, now.toISOString()), place);
      if (journal === undefined) {
        if (!args.flag('all')) place.session.terminal.note(`${tenant.name} has no plaintext: there is nothing to import`);
        continue;
      }
      if (journal.wasRunning) refuseOutsideWindow(tenant.window, now, args.flag('force'));
      planned.push({ tenant, journal });
    } catch (error) {
      if (!(error instanceof LockfastError) || !args.flag('keep-going')) throw error;
      place.session.terminal.warn(`${tenant.name} is left as it is: ${error.message}: ${error.hint}`);
      refused.push(tenant.name);
    }
  }
  return { planned, refused };
}

/** @throws LockfastError `usage`, `no-such-tenant` */
function askedTenants(args: Arguments, workspace: Workspace, { directory }: Session): Tenant[] {
  const fleet = fleetOf(workspace);
  if (args.flag('all')) {
    if (args.operands.length > 0) throw new LockfastError('usage', 'tenant import: --all stands for every tenant', 'leave the directories out, or --all');
    return allTenants(workspace);
  }
  if (args.operands.length === 0) throw new LockfastError('usage', 'tenant import: which tenants?', 'name their directories, or give --all');
  const known = new Set(tenantDirectories(fleet.path));
  const tenants = args.operands.map((operand) => {
    // A name is a tenant's before it is a directory's.
    if (isTenantName(operand) && known.has(tenantNamed(fleet, operand).directory)) return existingTenant(fleet, operand);
    const name = tenantOf(fleet.path, resolve(directory, operand));
    if (name !== undefined && see(resolve(directory, operand)) !== undefined) return existingTenant(fleet, name);
    throw new LockfastError('no-such-tenant', `${shownPath(operand)} is no tenant's directory`, `the configuration says that they are in ${fleet.path}`);
  });
  return tenants.filter(({ name }, i) => tenants.findIndex((one) => one.name === name) === i);
}

function dryRun(planned: readonly Planned[], args: Arguments, { session: { terminal }, manager, workspace }: ImportPlace): number {
  if (args.flag('json')) {
    terminal.json({ dryRun: true, tenants: planned.map(({ tenant, journal }) => ({ tenant: tenant.name, file: tenant.plainFile, service: tenant.service ?? null, restart: journal.wasRunning, backup: journal.backup })) });
    return 0;
  }
  if (planned.length > 0) {
    terminal.table(
      ['TENANT', 'PLAINTEXT', 'MODE', 'SERVICE', 'WAY', 'RESTART'],
      planned.map(({ tenant, journal }) => [tenant.name, tenant.plainFile, octal(journal.plain.mode), manager === undefined ? '-' : (tenant.service ?? '-'), tenant.way, journal.wasRunning ? 'yes' : 'no']),
    );
  }
  terminal.line(`${counted(planned.length, 'tenant')} would be imported, with a backup in ${workspace.configuration.backups.directory} for ${workspace.configuration.backups.keep}; nothing was changed`);
  return 0;
}

/** Tenants that were not imported, by name. */
interface NotImported {
  /** Those behind one that was put back. */
  readonly untried: readonly string[];
  /** With --keep-going: those that were left as they are. */
  readonly refused: readonly string[];
}

/** @throws LockfastError `rolled-back` when one has its plaintext back */
function report(done: readonly ImportedTenant[], { untried, refused }: NotImported, args: Arguments, { terminal }: Session): number {
  const back = done.filter(({ because }) => because !== null);
  const json = args.flag('json');
  if (json && back.length === 0) terminal.json({ imported: done.map(({ tenant, backup, service }) => ({ tenant, backup, service })), left: refused });
  if (!json) {
    for (const { tenant, service, because, backup } of done) {
      const about = service === null ? '' : `; service ${service}`;
      terminal.line(because === null ? `${tenant}: encrypted and verified; backup ${backup}${about}` : `${tenant}: as it was, with its plaintext${about}`);
    }
    if (refused.length > 0) terminal.line(`${counted(done.length - back.length, 'tenant')} imported, ${refused.length} left as before: ${refused.join(', ')}`);
    else if (done.length === 0) terminal.line('nothing to import');
  }
  if (back.length === 0) return 0;
  const why = back.map(({ tenant, because }) => `${tenant}: ${because!}`).join('; ');
  throw new LockfastError('rolled-back', `${counted(back.length, 'tenant')} could not be imported, and ${back.length === 1 ? 'has' : 'have'} the plaintext back: ${why}`, `${untried.length === 0 ? '' : `not tried yet: ${untried.join(', ')}; `}put it right, then run this again`);
}
