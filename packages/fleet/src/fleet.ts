/** The tenants of a configuration: one customer's deployment each, with a directory, an env file and maybe a service. */
import { lstatSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

import { ENCRYPTED_SUFFIX, USUAL_FILE } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';

import { isTenantName, tenantDirectories, tenantDirectory, tenantOf, tenantsBase } from './tenant-path.ts';
import type { Way } from './ways.ts';

/** How it is known that a service is well. With neither `http` nor `command` its unit is active. */
export interface HealthSettings {
  /** A URL that answers 2xx; `{PORT}` and its like are the tenant's variables, `{tenant}` its name. */
  readonly http?: string;
  /** A program and its arguments; exit 0 is well. Of the variables it gets `{PORT}`, `{HOST}` and `{DOMAIN}` alone: a command line is no secret. */
  readonly command?: readonly string[];
  /** How long it may take to be well, for example `30s`. */
  readonly timeout?: string;
}

/** What holds for one tenant. Each `{tenant}` in a text is its name. */
export interface TenantSettings {
  readonly service?: string;
  readonly user?: string;
  readonly way?: Way;
  readonly health?: HealthSettings;
  /** When its service may be restarted: `Sun 02:00-04:00` or `02:00-04:00`, local time. */
  readonly window?: string;
  readonly required?: readonly string[];
  readonly generated?: readonly string[];
}

/** `[tenants]`, and `[tenant.NAME]` for what differs. */
export interface FleetSettings extends TenantSettings {
  /** Absolute, with `{tenant}` in it once. */
  readonly path: string;
  /** The encrypted file of what all tenants share, absolute. */
  readonly extends?: string;
  readonly each?: Readonly<Record<string, TenantSettings>>;
}

export interface Tenant {
  readonly name: string;
  readonly directory: string;
  /** Its plaintext env file, which is there for no longer than it must; absolute. */
  readonly plainFile: string;
  readonly encryptedFile: string;
  /** Its unit, with its ending; undefined where there is none. */
  readonly service: string | undefined;
  /** Who owns its files and runs its service: an account's name, undefined for whoever owns the directory. */
  readonly user: string | undefined;
  readonly way: Way;
  readonly health: HealthSettings;
  readonly window: string | undefined;
  /** Names that its variables must have, the shared ones counted. */
  readonly required: readonly string[];
  /** Names that get a generated value when it is made. */
  readonly generated: readonly string[];
}

/**
 * All tenants that have a directory, by name. A directory whose name is no tenant's, such as `.git` or `lost+found`, is none.
 *
 * @param miss gets the directory above them when it can't be listed
 */
export function tenantsOf(fleet: FleetSettings, miss?: (directory: string) => void): Tenant[] {
  const nested = !fleet.path.endsWith('{tenant}');
  return tenantDirectories(fleet.path, miss)
    .filter((directory) => isTenantName(tenantOf(fleet.path, directory)!) && (!nested || isOwnDirectory(directory, fleet)))
    .map((directory) => tenantNamed(fleet, tenantOf(fleet.path, directory)!));
}

/** A tenant, whether its directory exists or not. @throws LockfastError `usage` for a name that is no directory's */
export function tenantNamed(fleet: FleetSettings, name: string): Tenant {
  const directory = tenantDirectory(fleet.path, name);
  const own = fleet.each !== undefined && Object.hasOwn(fleet.each, name) ? fleet.each[name]! : {};
  const { service, user, way = 'run', health = {}, window, required = [], generated = [] } = { ...fleet, ...own };
  const named = (text: string): string => text.replaceAll('{tenant}', () => name);
  return {
    name,
    directory,
    plainFile: join(directory, USUAL_FILE),
    encryptedFile: join(directory, USUAL_FILE + ENCRYPTED_SUFFIX),
    service: service === undefined ? undefined : unitName(named(service)),
    user: user === undefined ? undefined : named(user),
    way,
    health,
    window,
    required,
    generated,
  };
}

/** @throws LockfastError `no-such-tenant` when it has no directory */
export function existingTenant(fleet: FleetSettings, name: string): Tenant {
  const tenant = tenantNamed(fleet, name);
  if (!isOwnDirectory(tenant.directory, fleet)) {
    throw new LockfastError('no-such-tenant', `there is no tenant of that name in ${dirname(fleet.path.replace('{tenant}', () => name))}`, 'see `lockfast tenant list`, or make it with `lockfast tenant create`');
  }
  return tenant;
}

/**
 * Whether it is there, and no part of it that a tenant can make is a link: one to another tenant's directory would have
 * root take that one's files for this one's.
 */
function isOwnDirectory(directory: string, { path }: FleetSettings): boolean {
  let part = tenantsBase(path);
  return relative(part, directory)
    .split('/')
    .every((name) => {
      part = join(part, name);
      try {
        return lstatSync(part, { throwIfNoEntry: false })?.isDirectory() === true;
      } catch {
        return false;
      }
    });
}

/** The tenant whose service is this unit, if any. */
export function tenantOfUnit(tenants: readonly Tenant[], unit: string): Tenant | undefined {
  return tenants.find(({ service }) => service === unitName(basename(unit)));
}

function unitName(service: string): string {
  return /\.(?:service|socket|timer|target)$/.test(service) ? service : `${service}.service`;
}
