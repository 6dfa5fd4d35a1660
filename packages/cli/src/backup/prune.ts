import { rmdirSync } from 'node:fs';
import { join } from 'node:path';

import { audited } from '@lockfast/core/audited';
import { LockfastError } from '@lockfast/core/errors';
import { identityOf, removeDurably, withFileLock } from '@lockfast/core/files';
import { parseDuration } from '@lockfast/core/keyring';
import { openRotation } from '@lockfast/core/rotation';
import { openCredentialRotation } from '@lockfast/fleet/credential-rotation';

import type { Arguments } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { requireRole } from '../permission.ts';
import { rotationsDirectory } from '../rotations-directory.ts';
import { credentialRecords } from '../secret/credential-place.ts';
import type { Session } from '../session.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { findRotationBackups, MANIFEST, type RotationBackup } from './rotation-backup.ts';

/** Removes whole backups of rotations, and nothing else. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { directory, keep } = workspace.configuration.backups;
  const age = args.text('older-than') ?? keep;
  const limit = Date.now() - milliseconds(age);
  const event = { operation: 'backup-prune', object: directory, environment: workspace.configuration.environment, details: { olderThan: age } };
  const { backups, strangers } = findRotationBackups(directory);
  // What an open rotation replaced may be needed yet, however old it is.
  const open = [openRotation(rotationsDirectory(workspace))?.id, openCredentialRotation(credentialRecords(workspace))?.id];
  const old = backups.filter(({ manifest }) => Date.parse(manifest.started) < limit && !open.includes(manifest.rotation));
  for (const { path, problem } of strangers) session.terminal.warn(`${path} is no backup of a rotation: ${problem}: it was left alone`);
  if (old.length > 0 && !args.flag('dry-run')) {
    await requireRole(workspace, session, 'admin', event);
    confirm(args, session, `Remove what ${counted(old.length, 'rotation')} replaced, before ${new Date(limit).toISOString().slice(0, 10)}?`);
    const rotations = old.map(({ manifest }) => manifest.rotation).join(' ');
    await audited(await workspace.audit(), { ...event, details: { ...event.details, rotations } }, () => removeAll(old, workspace.stateDirectory));
  }
  report(args, session, old, backups.length - old.length, age);
  return 0;
}

function milliseconds(age: string): number {
  try {
    return parseDuration(age);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError('usage', 'backup prune: --older-than is no time', error.hint);
  }
}

async function removeAll(backups: readonly RotationBackup[], stateDirectory: string): Promise<void> {
  for (const backup of backups) await withFileLock(stateDirectory, join(backup.directory, MANIFEST), () => remove(backup));
}

/** The manifest goes last: of one whose removal was killed, the next run finds what is left. */
function remove({ directory, copies, directories }: RotationBackup): void {
  for (const copy of copies) removeFile(copy);
  for (const below of directories) removeDirectory(below);
  removeFile(join(directory, MANIFEST));
  removeDirectory(directory);
}

function removeFile(path: string): void {
  const identity = identityOf(path);
  if (identity !== undefined) removeDurably(path, identity);
}

/** Only an empty one: what came into it meanwhile stays. */
function removeDirectory(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new LockfastError('write-failed', `${path} was not removed`, 'look at what is in it, then run this again', error);
  }
}

function report(args: Arguments, { terminal }: Session, old: readonly RotationBackup[], kept: number, age: string): void {
  const dryRun = args.flag('dry-run');
  const removed = old.map(({ manifest: { rotation, started }, copies, bytes }) => ({ rotation, started, files: copies.length, bytes }));
  if (args.flag('json')) {
    terminal.json({ olderThan: age, dryRun, removed, kept });
    return;
  }
  for (const { rotation, started, files } of removed) terminal.line(`${rotation}: of ${started.slice(0, 10)}, ${counted(files, 'file')}${dryRun ? ', would be removed' : ', removed'}`);
  terminal.line(removed.length === 0 ? `no backup is older than ${age}; ${kept} kept` : `${counted(removed.length, 'backup')} ${dryRun ? 'would be removed' : 'removed'}, ${kept} kept`);
}
