/** The sweep over everything that may be under a key: the configured env files, whatever lies in the backups directory, and columns. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { isEncryptedAt } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import type { KeyRing } from '@lockfast/core/keyring';
import { refuseUnlessUnused, type SweptFile, sweepUsage, type UnreadFile, type Usage } from '@lockfast/core/rotation';

import { encryptedEnvFiles } from '../env-files.ts';
import type { Session } from '../session.ts';
import type { Workspace } from '../workspace.ts';
import { refuseDiscoveredKey } from '../column/discoveries.ts';
import { refuseUnlessUnusedInColumns, sweepColumns } from './column-sweep.ts';

/** A directory that can't be listed may hold anything: it counts as unread, too. */
export function sweep({ configuration }: Workspace, ring: KeyRing): Usage {
  // By path: a tenant's directory may lie in the project's, and be found twice.
  const unlisted = new Map<string, UnreadFile>();
  const miss =
    (kind: SweptFile['kind']) =>
    (path: string): void =>
      void unlisted.set(path, { path, kind, error: new LockfastError('permission-denied', `${path} can not be listed`, 'run it as a user who may read all of it') });
  const files = encryptedEnvFiles(configuration, miss('file')).map((path) => ({ path, kind: 'file' }) as const);
  const backups = backupFiles(configuration.backups.directory, miss('backup')).map((path) => ({ path, kind: 'backup' }) as const);
  const { keys, unread } = sweepUsage(ring, [...files, ...backups]);
  return { keys, unread: [...unread, ...unlisted.values()] };
}

/**
 * Files and backups first: columns take the longest.
 *
 * @param leave what was found outside of declared columns is known, and may be lost
 * @throws LockfastError `key-in-use`
 */
export async function refuseUsedKey(workspace: Workspace, ring: KeyRing, id: string, leave: boolean, session: Session): Promise<void> {
  refuseUnlessUnused(sweep(workspace, ring), id);
  if (workspace.configuration.columns.length > 0) refuseUnlessUnusedInColumns(await sweepColumns(workspace, ring, session), id);
  await refuseDiscoveredKey(workspace, ring, id, leave, session);
}

/** By what they are, not by their names: a copy that somebody made by hand needs its key as well. */
export function backupFiles(directory: string, miss: (directory: string) => void): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return backupFiles(path, miss);
      return entry.isFile() && mayBeEncrypted(path) ? [path] : [];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') miss(directory);
    return [];
  }
}

function mayBeEncrypted(path: string): boolean {
  try {
    return isEncryptedAt(path, 'refuse');
  } catch {
    return true;
  }
}
