/** `[tenants] path`: where the directories of tenants are. One tenant is one name in the place of `{tenant}`. */
import { readdirSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

const TENANT_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** The tenant in whose directory `directory` lies; undefined outside of all. */
export function tenantOf(pattern: string, directory: string): string | undefined {
  const [before, after] = parts(pattern);
  if (!directory.startsWith(before)) return undefined;
  const [name] = directory.slice(before.length).split('/');
  return name !== undefined && name !== '' && `${directory}/`.startsWith(`${before}${name}${after}/`) ? name : undefined;
}

/** Whether a tenant can have this name. */
export function isTenantName(name: string): boolean {
  return TENANT_NAME.test(name);
}

/** The directory that the patterns of all tenants begin with: those above it are not theirs. */
export function tenantsBase(pattern: string): string {
  return parts(pattern)[0].replace(/(?<=.)\/[^/]*$/, '');
}

/** @throws LockfastError `usage` for a name that is no directory's */
export function tenantDirectory(pattern: string, tenant: string): string {
  if (!isTenantName(tenant)) {
    throw new LockfastError('usage', 'the tenant name is not usable as a directory', 'use letters, digits, dots, dashes and underscores');
  }
  return pattern.replace('{tenant}', () => tenant);
}

/** The directories of all tenants that there are. @param miss gets the directory above them when it can't be listed */
export function tenantDirectories(pattern: string, miss: (directory: string) => void = () => {}): string[] {
  const [before, after] = parts(pattern);
  try {
    return readdirSync(before, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => `${before}${name}${after}`)
      .toSorted();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') miss(before);
    return [];
  }
}

function parts(pattern: string): [before: string, after: string] {
  return pattern.split('{tenant}') as [string, string];
}
