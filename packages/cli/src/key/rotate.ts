import { join } from 'node:path';

import { ensureDirectory, shownPath, withFileLock } from '@lockfast/core/files';
import type { KeyRecord, KeyRing } from '@lockfast/core/keyring';
import { systemClock } from '@lockfast/core/ports';
import { needsWork, newRotation, openRotation, readRotations, type RootSteps, rotate, type RotationPlace, type RotationRecord } from '@lockfast/core/rotation';

import { currentActor } from '../actor.ts';
import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { RING_FERNET_KEYS } from '../column/declared.ts';
import { confirm } from '../confirm.ts';
import { listed } from '../listed.ts';
import { failuresOnRecord } from '../on-record.ts';
import { personBehind, requireRole } from '../permission.ts';
import { Progress } from '../progress.ts';
import { replaceRing } from '../ring-file.ts';
import { rotationsDirectory } from '../rotations-directory.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { DESPITE_INSTANCES } from './despite-instances.ts';
import { despiteInstances, refuseUnlessHeld } from './instances-first.ts';
import { refuseOutsideWindow } from './maintenance-window.ts';
import { planRoot, RootRotation } from './root-rotation.ts';
import { rotatedFiles } from './rotated-files.ts';
import { rotationDueIn } from './schedule.ts';

/** One rotation at a time. Whoever comes second is told at once. */
const DO_NOT_WAIT = 0;

export async function run(args: Arguments, session: Session): Promise<number> {
  const workspace = new Workspace(args, session);
  const { reason } = despiteInstances(args, session);
  const event = { operation: 'key-rotate', object: workspace.configuration.keyring, ...(reason === undefined ? {} : { reason }) };
  await requireRole(workspace, session, 'admin', event);
  const records = rotationsDirectory(workspace);
  if (args.flag('dry-run')) return dryRun(args, session, workspace, records);
  return withRotationLock(workspace, async () => {
    const begun = openRotation(records);
    const record = begun ?? (await failuresOnRecord(workspace, event, () => plan(args, session, workspace, event)));
    if (begun !== undefined) session.terminal.note(`finishing the rotation ${begun.id} of ${shownMinute(begun.started)}, and only that`);
    return perform(record, args, session, workspace, records);
  });
}

/** While no rotation runs, and none begins. @throws LockfastError `busy` */
export async function withRotationLock<T>(workspace: Workspace, action: () => Promise<T>): Promise<T> {
  const records = rotationsDirectory(workspace);
  ensureDirectory(records);
  return withFileLock(workspace.stateDirectory, join(records, 'rotation'), action, DO_NOT_WAIT);
}

async function plan(args: Arguments, session: Session, workspace: Workspace, event: { readonly operation: string; readonly object: string; readonly reason?: string }): Promise<RotationRecord> {
  const { configuration } = workspace;
  refuseOutsideWindow(configuration.maintenanceWindow, new Date(), args.flag('force'));
  const ring = await workspace.ring();
  const root = args.flag('root') ? await planRoot(args, session, workspace, ring) : null;
  const files = rotatedFiles(workspace).filter(({ path }) => needsWork(path, ring, undefined));
  session.terminal.note(`rotates the ${root === null ? 'data key' : 'data key and the root key'} of ${ring.environment}: ${counted(files.length, 'file')} will be encrypted anew; ${ring.active().id} goes on decrypting`);
  confirm(args, session, `Replace the active key ${ring.active().id}?`);
  await refuseUnlessHeld(workspace, ring, stagedKey(ring)?.id, args, session);
  await requireApproval(workspace, session, ring, { ...event, details: { root: root !== null, backup: !args.flag('no-backup'), ...(args.flag(DESPITE_INSTANCES) ? { despiteInstances: true } : {}) } });
  return newRotation(ring, { reason: event.reason ?? null, actor: personBehind(session).name, backup: !args.flag('no-backup'), root }, systemClock);
}

async function perform(begun: RotationRecord, args: Arguments, session: Session, workspace: Workspace, records: string): Promise<number> {
  const { configuration, stateDirectory } = workspace;
  const ledger = await workspace.ledger();
  await closeInterrupted(workspace, session, records, begun.id);
  const warned = new Set<string>();
  const warnOnce = (link: string): void => {
    if (!warned.has(link)) session.terminal.warn(`${link} is a symbolic link to what is no env file of this project and its tenants: it is left as it is, and keeps the rotation open: put the file itself in its place, or remove the link`);
    warned.add(link);
  };
  const progress = new Progress(session.terminal, 'files');
  const root = begun.root === null ? undefined : new RootRotation(begun.root, session, workspace);
  const place: RotationPlace = {
    ring: { read: () => workspace.freshRing(), change: (change) => replaceRing(workspace, change) },
    files: () => rotatedFiles(workspace, warnOnce),
    records,
    backups: configuration.backups.directory,
    stateDirectory,
    audit: ledger,
    clock: systemClock,
    nextDue: (ring) => rotationDueIn(ring, configuration, Date.now()).next,
    progress: (done, total) => progress.show(done, total),
  };
  try {
    const record = await rotate(begun, place, root satisfies RootSteps | undefined);
    progress.end();
    await workspace.signKeyChange(await lastRing(root, workspace));
    report(record, args, session, workspace);
    if (!args.flag('json')) root?.sayWhatIsNext();
    return 0;
  } finally {
    progress.end();
  }
}

/** After a change of the root key the configured source may not open the ring any more, from this process. */
async function lastRing(root: RootRotation | undefined, workspace: Workspace): Promise<KeyRing> {
  return root?.closed ?? workspace.ring();
}

/**
 * What a killed run was at, nobody can tell any more; that it was killed, we can: while this one has the lock no other one
 * is at a rotation of these records. Also of those that were completed, and of those without a record: the kill may have
 * come before the last outcome, or before the first record. Another host with such a directory has its own lock.
 */
async function closeInterrupted(workspace: Workspace, session: Session, records: string, begun: string): Promise<void> {
  const ledger = await workspace.ledger();
  if (ledger === undefined) return;
  const ours = new Set<unknown>([begun, ...readRotations(records).map(({ id }) => id)]);
  const { host } = currentActor(session);
  const left = (await ledger.openIntents()).filter(
    ({ entry: { operation, object, details, actor } }) =>
      ours.has(details?.['rotation']) || (operation === 'key-rotate' && (ours.has(object) || (actor.host === host && details?.['records'] === records))),
  );
  await ledger.conclude(left.map(({ intent }) => ({ intent, outcome: 'interrupted' })));
}

function report(record: RotationRecord, args: Arguments, { terminal }: Session, workspace: Workspace): void {
  if (args.flag('json')) {
    const { seals: _, ...shown } = record;
    terminal.json({ ...shown, columns: ringColumns(workspace.configuration) });
    return;
  }
  const { files, oldKey, newKey, durationMs, nextDue, backup, id } = record;
  terminal.line(`${oldKey.id} -> ${newKey!.id}: ${counted(files, 'file')} encrypted anew and decrypted again as proof, in ${(durationMs! / 1000).toFixed(1)} s`);
  terminal.line(`  old key  ${oldKey.id}  ${oldKey.fingerprint}`);
  terminal.line(`  new key  ${newKey!.id}  ${newKey!.fingerprint}`);
  if (backup && files > 0) terminal.line(`  the files as they were: ${join(workspace.configuration.backups.directory, id)}`);
  terminal.line(`Next rotation: ${nextDue!.slice(0, 10)}. Next: bring key ring and files to every machine; make a new recovery backup with lockfast key backup; when nothing needs ${oldKey.id} any more: lockfast key retire ${oldKey.id}`);
  const columns = ringColumns(workspace.configuration);
  if (columns.length > 0) terminal.line(`Columns of databases are still under the old key: lockfast column rotate, when every program has the key ring: ${listed(columns)}`);
}

/** The columns whose values a new data key does not reach: all but those whose first Fernet key is not the ring's. */
function ringColumns({ columns }: Workspace['configuration']): string[] {
  return columns.filter((column) => column.format !== 'fernet' || (column['fernet-keys'] ?? [RING_FERNET_KEYS])[0] === RING_FERNET_KEYS).map(({ id }) => id);
}

/** The one that the rotation would take. */
function stagedKey(ring: KeyRing): KeyRecord | undefined {
  return ring.keys.findLast(({ state, compromised }) => state === 'staged' && compromised === null);
}

async function dryRun(args: Arguments, { terminal }: Session, workspace: Workspace, records: string): Promise<number> {
  const begun = openRotation(records);
  const ring = await workspace.ring();
  const staged = stagedKey(ring);
  const to = begun?.newKey?.id ?? staged?.id;
  const files = rotatedFiles(workspace).filter(({ path }) => needsWork(path, ring, to));
  if (args.flag('json')) {
    terminal.json({ dryRun: true, resumes: begun?.id ?? null, from: ring.active().id, to: to ?? null, files: files.map(({ path }) => path) });
    return 0;
  }
  terminal.line(begun === undefined ? `would replace ${ring.active().id} by ${to ?? 'a new key'}` : `would finish the rotation ${begun.id}`);
  for (const { path, tenant } of files) terminal.line(`  ${shownPath(path)}${tenant === '' ? '' : `  (${tenant})`}`);
  terminal.line(`${counted(files.length, 'file')} would be encrypted anew; nothing was changed`);
  return 0;
}
