/** The files that a rotation is about: each once, also where symbolic links lead to it. */
import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

import type { RotationFile } from '@lockfast/core/rotation';
import { tenantDirectories } from '@lockfast/fleet/tenant-path';

import type { Configuration } from '../configuration.ts';
import { encryptedEnvFiles, SKIPPED } from '../env-files.ts';
import type { Workspace } from '../workspace.ts';

/**
 * A directory that can't be listed is among them, and a link that is not followed: each may stand for a file under the old
 * key, and is named as one that can't be done.
 *
 * A link is followed to a regular file in a place that the configuration is about. What lies elsewhere is somebody else's
 * to change.
 *
 * @param stray gets each link that is not followed
 */
export function rotatedFiles(workspace: Workspace, stray: (link: string) => void = () => {}): RotationFile[] {
  const { configuration } = workspace;
  const missed: string[] = [];
  const paths = encryptedEnvFiles(configuration, (directory) => void missed.push(directory)).map((path) => {
    if (!isLink(path)) return path;
    const target = targetOf(path, configuration);
    if (target === undefined) stray(path);
    return target ?? path;
  });
  return [...new Set([...paths, ...missed])].map((path) => ({ path, tenant: workspace.tenantOf(path) ?? '' }));
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** By the name that the configuration has for it: a tenant is told by the path. */
function targetOf(link: string, { file, fleet, backups }: Configuration): string | undefined {
  const target = realPath(link);
  if (target === undefined || !lstatSync(target).isFile() || below(realPath(backups.directory), target) !== undefined) return undefined;
  const tenants = fleet === undefined ? [] : tenantDirectories(fleet.path);
  for (const place of [...tenants, dirname(file)]) {
    const name = below(realPath(place), target);
    if (name !== undefined && !name.split(sep).some((part) => SKIPPED.has(part))) return join(place, name);
  }
  return undefined;
}

/** From `directory`; undefined for what is not below it. */
function below(directory: string | undefined, path: string): string | undefined {
  return directory !== undefined && path.startsWith(`${directory}${sep}`) ? relative(directory, path) : undefined;
}

/** Undefined for what leads nowhere, or where this user may not look. */
function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
