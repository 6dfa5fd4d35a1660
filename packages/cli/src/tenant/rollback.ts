import { type Entry, plaintextOf, printEntries } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile, removeDurably, withFileLock, writeDurably } from '@lockfast/core/files';
import { existingTenant, see, type Tenant, uninstallTenant } from '@lockfast/fleet';

import type { Arguments } from '../arguments.ts';
import { confirmByName } from '../confirm.ts';
import { refuseOutsideWindow } from '../key/maintenance-window.ts';
import { requireRole } from '../permission.ts';
import type { Session } from '../session.ts';
import { Workspace } from '../workspace.ts';
import { fleetOf, managerOf } from './fleet-of.ts';
import { installationOf } from './installation.ts';
import { removeLink } from './remove-link.ts';
import { restarted } from './restart.ts';
import { backupName, keepEncrypted } from './tenant-backup.ts';
import { layered, openLayers, type TenantLayer } from './tenant-layers.ts';
import { isRunning } from './unit-states.ts';

/** Back to a plaintext env file, with what all share in it. Killed in between, the same command goes on. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const tenant = existingTenant(fleetOf(workspace), args.operands[0]!);
  const event = { operation: 'tenant-rollback', object: tenant.directory, tenant: tenant.name, environment: workspace.configuration.environment };
  await requireRole(workspace, session, 'operator', event);
  if (identityOf(tenant.encryptedFile) === undefined) throw new LockfastError('not-found', `${tenant.name} has no encrypted env file`, see(tenant.plainFile)?.kind !== 'file' ? 'see `lockfast backup list` for what was kept' : 'it is in plaintext already');
  const manager = managerOf([tenant], session);
  const state = manager === undefined ? undefined : (await manager.states([tenant.service!]))[0]!;
  const wasRunning = isRunning(state) === true;
  if (wasRunning) refuseOutsideWindow(tenant.window, new Date(), args.flag('force'));
  session.terminal.warn(`from now on the secrets of ${tenant.name} lie in plaintext in ${tenant.plainFile}: whoever can read that file, or a backup of this disk, has them, and nothing records it`);
  confirmByName(args, session, `write the secrets of ${tenant.name} to the disk in plaintext`, tenant.name);
  // Stopped while its drop-in is there: that encrypts what was edited meanwhile, and takes what is in memory away.
  if (wasRunning) await manager!.stop(tenant.service!);
  const layers = await openLayers(tenant.name, workspace, workspace.dialect(args));
  const backup = await keepAndWrite(tenant, plaintextOfAll(layers, tenant), workspace);
  if (manager !== undefined) await uninstallTenant(tenant, installationOf(workspace, session), manager, 'stays');
  if (wasRunning) {
    const { well, why } = await restarted(tenant, manager!, layered(layers));
    if (!well) throw new LockfastError('service-failed', `${tenant.service!} is not well with its plaintext: ${why}`, `the encrypted file is still there; see why: journalctl -u ${tenant.service!}`);
  }
  await removeEncrypted(tenant, workspace);
  await (await workspace.audit())?.record({ ...event, outcome: 'success' });
  if (args.flag('json')) {
    session.terminal.json({ tenant: tenant.name, file: tenant.plainFile, restarted: wasRunning, backup });
    return 0;
  }
  session.terminal.line(`${tenant.name}: in plaintext in ${tenant.plainFile}${wasRunning ? '; the service was restarted, and is well' : ''}; the encrypted file is kept in ${workspace.configuration.backups.directory}`);
  if (manager !== undefined && !wasRunning) session.terminal.note(`${tenant.service!} did not run, and was not started`);
  session.terminal.line(`Next, as soon as it can be: lockfast tenant import ${tenant.name}`);
  return 0;
}

/** What all share first, but for what the tenant sets itself; then its own file, byte for byte. */
function plaintextOfAll(layers: readonly TenantLayer[], { encryptedFile }: Tenant): Buffer {
  const own = layers.find(({ path }) => path === encryptedFile)!;
  const ownNames = new Set(own.opened.entries.map(({ name }) => name));
  const inherited: Entry[] = layers.filter((layer) => layer !== own).flatMap(({ opened }) => opened.entries.filter(({ kind, name }) => kind !== 'other' && !ownNames.has(name)));
  const ended = inherited.map(({ bytes }) => (bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')])));
  return ended.length === 0 ? plaintextOf(own.opened) : Buffer.concat([Buffer.from('# shared by all tenants\n'), ...ended, printEntries(own.opened.entries)]);
}

/** @returns the backup's name. @throws LockfastError `exists` for a plaintext that holds something else */
async function keepAndWrite({ name, plainFile, encryptedFile }: Tenant, plaintext: Buffer, workspace: Workspace): Promise<string> {
  const { directory } = workspace.configuration.backups;
  const started = new Date().toISOString();
  const scope = await workspace.scope(encryptedFile, name);
  const backup = backupName('rollback', name, started);
  await keepEncrypted({ directory, name: backup, path: encryptedFile, started }, scope);
  await withFileLock(workspace.stateDirectory, plainFile, () => {
    removeLink(plainFile);
    const present = identityOf(plainFile) === undefined ? undefined : readRegularFile(plainFile, 'refuse');
    if (present?.bytes.equals(plaintext) === true) return;
    if (present !== undefined && present.bytes.length > 0) throw new LockfastError('exists', `${plainFile} is there, and holds something else`, 'look at it, and move it away');
    const { uid, gid } = see(encryptedFile)!;
    writeDurably({ path: plainFile, bytes: plaintext, mode: 0o600, owner: { uid, gid }, expected: present?.identity ?? 'absent' });
  });
  return backup;
}

async function removeEncrypted({ encryptedFile }: Tenant, { stateDirectory }: Workspace): Promise<void> {
  await withFileLock(stateDirectory, encryptedFile, () => {
    const identity = identityOf(encryptedFile);
    if (identity !== undefined) removeDurably(encryptedFile, identity);
  });
}
