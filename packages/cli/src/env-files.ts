/** The env files that a configuration is about: those of its own directory, and of all tenants. */
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { ENCRYPTED_SUFFIX, isEncryptedAt, isTemplateName, USUAL_FILE } from '@lockfast/core/env';
import { tenantDirectories } from '@lockfast/fleet/tenant-path';

import type { Configuration } from './configuration.ts';

/** Deeper than this nobody keeps the env files of one project; and node_modules is nobody's. */
const DEPTH = 4;
export const SKIPPED = new Set(['node_modules', '.git', '.lockfast']);

/** Gets each directory that can't be listed: it may hold more files. */
type Miss = (directory: string) => void;

/** All of them, plain and encrypted: absolute paths, each once, in order. */
export function configuredEnvFiles({ file, fleet }: Pick<Configuration, 'file' | 'fleet'>, miss: Miss = () => {}): string[] {
  const tenants = fleet === undefined ? [] : tenantDirectories(fleet.path, miss);
  // What they share may lie anywhere.
  const shared = fleet?.extends !== undefined && existsSync(fleet.extends) ? [fleet.extends] : [];
  // Where the tenants' directories lie in the project's, they are listed once, not twice.
  const listed = new Set<string>();
  const found = envFiles(dirname(file), DEPTH, miss, listed);
  return [...new Set([...shared, ...found, ...tenants.flatMap((directory) => (listed.has(directory) ? [] : envFiles(directory, 1, miss, listed)))])];
}

/** The encrypted ones among them. */
export function encryptedEnvFiles(configuration: Pick<Configuration, 'file' | 'fleet'>, miss?: Miss): string[] {
  return configuredEnvFiles(configuration, miss).filter((path) => path.endsWith(ENCRYPTED_SUFFIX));
}

/** @param listed gets each directory whose files are among the result */
function envFiles(directory: string, depth: number, miss: Miss, listed: Set<string>): string[] {
  const found: string[] = [];
  listed.add(directory);
  for (const entry of entriesOf(directory, miss)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      if (depth > 1 && !SKIPPED.has(entry.name)) found.push(...envFiles(path, depth - 1, miss, listed));
    } else if (isEnvName(entry.name) && (!entry.name.endsWith(ENCRYPTED_SUFFIX) || isOurs(path))) found.push(path);
  }
  return found.toSorted();
}

/** Names that people give on purpose: all of these are encrypted and rotated. Copies and backups of them are for the guard and the audit to find. */
function isEnvName(name: string): boolean {
  return (name.startsWith('.env.') && name !== '.env.keys' && !isTemplateName(name)) || name.endsWith(USUAL_FILE + ENCRYPTED_SUFFIX) || name.endsWith(USUAL_FILE);
}

/** A file that only has the suffix, another tool's for example, is none of ours. */
function isOurs(path: string): boolean {
  try {
    return isEncryptedAt(path, 'follow') || statSync(path).size === 0;
  } catch {
    return true;
  }
}

function entriesOf(directory: string, miss: Miss): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') miss(directory);
    return [];
  }
}
