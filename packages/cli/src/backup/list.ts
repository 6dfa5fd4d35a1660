import type { Arguments } from '../arguments.ts';
import type { Session } from '../session.ts';
import { counted, shownMinute } from '../terminal.ts';
import { Workspace } from '../workspace.ts';
import { findRotationBackups, type RotationBackup } from './rotation-backup.ts';

/** Needs no key: what lies there is encrypted as it was. */
export async function run(args: Arguments, session: Session): Promise<number> {
  const { directory, keep } = new Workspace(args, session).configuration.backups;
  const { backups, strangers } = findRotationBackups(directory);
  if (args.flag('json')) {
    session.terminal.json({ directory, keep, backups: backups.map(shown), others: strangers });
    return 0;
  }
  for (const { path, problem } of strangers) session.terminal.warn(`${path} is no backup of a rotation: ${problem}: it was left alone`);
  if (backups.length === 0) {
    session.terminal.line(`No backups in ${directory}.`);
    return 0;
  }
  session.terminal.table(
    ['BACKUP', 'STARTED', 'ENVIRONMENT', 'FROM', 'TO', 'FILES', 'BYTES'],
    backups.map(({ manifest, copies, missing, bytes }) => [
      manifest.rotation,
      shownMinute(manifest.started),
      manifest.environment,
      manifest.fromKey,
      // Of a credential the value changed, and the key did not.
      manifest.variables?.join(' ') ?? manifest.toKey,
      missing.length === 0 ? String(copies.length) : `${copies.length} of ${manifest.files.length}`,
      String(bytes),
    ]),
  );
  session.terminal.line(`${counted(backups.length, 'backup')} in ${directory}; kept for ${keep}: lockfast backup prune`);
  return 0;
}

function shown({ manifest, directory, copies, missing, bytes }: RotationBackup): Record<string, unknown> {
  const { rotation, started, environment, fromKey, toKey, variables } = manifest;
  return { rotation, started, environment, fromKey, toKey, ...(variables === undefined ? {} : { variables }), directory, files: copies.length, missing: missing.length, bytes };
}
