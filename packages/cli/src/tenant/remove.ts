import { readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, removeDurably, withFileLock } from '@lockfast/core/files';
import { existingTenant, see, type Tenant, uninstallTenant } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf, managerOf } from './fleet-of.ts';
import { installationOf } from './installation.ts';
import { backupName, keepEncrypted } from './tenant-backup.ts';

/** What `tenant create` makes besides the encrypted file. */
const MADE = new Set(['.env.example', '.gitignore']);

/** Takes the service's drop-in and the encrypted file away, after a backup of it. What else is in the directory is the deployment's. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenant = existingTenant(fleetOf(workspace), args.operands[0]!);
  const { name, directory, plainFile, encryptedFile, service } = tenant;
  const event = { operation: 'tenant-remove', object: directory, tenant: name, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'operator', event);
  if (see(plainFile)?.kind === 'file') throw new LockfastError('exists', `${plainFile} is there, in plaintext`, `encrypt it first, so that it is kept: lockfast env encrypt ${plainFile}`);
  confirmByName(args, session, `stop ${service === undefined ? 'nothing' : service} and remove the encrypted variables of ${name}`, name);
  const started = new Date().toISOString();
  const backup = backupName('remove', name, started);
  const isThere = identityOf(encryptedFile) !== undefined;
  await audited(await workspace.audit(), event, async () => {
    // What can't be opened can't be kept, and nobody may want it yet.
    if (isThere) await keepEncrypted({ directory: workspace.configuration.backups.directory, name: backup, path: encryptedFile, started }, await workspace.scope(encryptedFile, name));
    await withoutService(tenant, workspace, session);
    if (isThere) {
      await withFileLock(workspace.stateDirectory, encryptedFile, () => {
        const identity = identityOf(encryptedFile);
        if (identity !== undefined) removeDurably(encryptedFile, identity);
      });
    }
  });
  const left = removeEmpty(directory);
  if (args.flag('json')) {
    session.terminal.json({ tenant: name, directory, backup: isThere ? backup : null, left });
    return 0;
  }
  session.terminal.line(`${name}: removed${isThere ? `; its encrypted file is kept for ${workspace.configuration.backups.keep}: ${join(workspace.configuration.backups.directory, backup)}` : ''}`);
  if (left > 0) session.terminal.line(`Next: ${directory} still holds the deployment: remove it when nobody needs it`);
  return 0;
}

async function withoutService(tenant: Tenant, workspace: Workspace, session: Session): Promise<void> {
  const manager = managerOf([tenant], session);
  if (manager === undefined) return;
  const [state] = await manager.states([tenant.service!]);
  if (state!.load === 'loaded' && state!.active !== 'inactive') await manager.stop(tenant.service!);
  await uninstallTenant(tenant, installationOf(workspace, session), manager);
}

/** @returns how many entries are somebody else's; with none the directory goes, too */
function removeEmpty(directory: string): number {
  const names = readdirSync(directory);
  const others = names.filter((entry) => !MADE.has(entry));
  if (others.length > 0) return others.length;
  try {
    for (const entry of names) unlinkSync(join(directory, entry));
    rmdirSync(directory);
    return 0;
  } catch {
    // It is in use, or the directory above it is not ours.
    return 1;
  }
}
