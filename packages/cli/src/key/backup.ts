import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { identityOf, withFileLock } from '@lockfast/core/files';
import type { KeyRing } from '@lockfast/core/keyring';

import { requireApproval } from '../approvals.ts';
import type { Arguments } from '../arguments.ts';
import { failuresOnRecord } from '../on-record.ts';
import { requireRole } from '../permission.ts';
import { readRing } from '../ring-document.ts';
import { changeRing } from '../ring-file.ts';
import type { Session } from '../session.ts';
import { backupSource, ledgerKeyOf, replaceBackup } from '../setup/recovery-backup.ts';
import { counted } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { chosenKdf } from './chosen-kdf.ts';
import { warnOfGit } from './warn-of-git.ts';

export async function run(args: Arguments, session: Session): Promise<number> {
  const path = resolve(session.directory, (args.operands as [string])[0]);
  const workspace = new Workspace(args, session);
  const event = { operation: 'key-backup', object: path };
  await requireRole(workspace, session, 'admin', event);
  const kdf = chosenKdf(args, session);
  const present = await failuresOnRecord(workspace, event, () => workspace.ring());
  refuseExisting(args, path, present);
  const { askNewSecret } = await import('../prompt.ts');
  // Asked before anything is begun: an intent without an outcome is for what was killed.
  const source = await backupSource(args.text('passphrase-file'), { ...workspace.surroundings, directory: session.directory, askPassphrase: askNewSecret }, kdf);
  const ledgerKey = await ledgerKeyOf(await workspace.ledger());
  const place = { path, stateDirectory: workspace.stateDirectory };
  const ring = await changeRing(workspace, event, async (old) => {
    await requireApproval(workspace, session, old, event);
    // Looked at under the lock, which sweeps what a killed run left: that alone changes the file's identity.
    return withFileLock(workspace.stateDirectory, path, () => {
      refuseExisting(args, path, old);
      return replaceBackup(old, source, { ...place, expected: identityOf(path) ?? 'absent' }, ledgerKey);
    });
  });
  warnOfGit(session, path, 'a backup that is committed is in the hands of whoever clones, and only its passphrase keeps them out');
  report(args, session, path, ring, ledgerKey !== undefined);
  return 0;
}

/** A backup that a killed run wrote, and that the ring does not know of, is in nobody's way. */
function refuseExisting(args: Arguments, path: string, ring: KeyRing): void {
  if (args.flag('force') || identityOf(path) === undefined || isBegun(path, ring)) return;
  throw new LockfastError('exists', `${path} exists already, and was left alone`, 'name another file, or replace it with --force');
}

function isBegun(path: string, ring: KeyRing): boolean {
  try {
    const begun = readRing(path, 'refuse');
    return begun.format.startsWith('lockfast-backup/') && begun.ring === ring.version.ring && begun.generation === ring.version.generation + 1;
  } catch {
    return false;
  }
}

function report(args: Arguments, { terminal }: Session, path: string, ring: KeyRing, ledger: boolean): void {
  const keys = ring.keys.filter(({ wrapped }) => wrapped !== '').map(({ id }) => id);
  if (args.flag('json')) {
    terminal.json({ backup: path, environment: ring.environment, generation: ring.version.generation, keys, ledger });
    return;
  }
  terminal.line(`${path}: ${counted(keys.length, 'key')} of ${ring.environment}${ledger ? ", the ledger's MAC key" : ''}; written, opened again and compared`);
  terminal.line('Store it off this machine, and its passphrase apart from it. Try it: lockfast key restore FILE --drill');
}
