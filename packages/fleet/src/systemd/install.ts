/** A tenant's drop-in: its service starts through `lockfast run`. The unit itself is never rewritten. */
import { readFileSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, removeDurably, writeDurably } from '@lockfast/core/files';

import type { Tenant } from '../fleet.ts';
import type { ServiceManager } from './service-manager.ts';

export interface Installation {
  /** How units call the command: absolute program and leading arguments. */
  readonly lockfast: readonly string[];
  /** Absolute path of `lockfast.toml`. */
  readonly configuration: string;
  /** `/etc/systemd/system`, or the user's. */
  readonly unitDirectory: string;
  /** How the root key reaches the unit: a key source, where it is another one than the configuration names. */
  readonly rootKey: string | undefined;
}

const DROP_IN = '50-lockfast.conf';

/** @throws LockfastError `service-missing`, `permission-denied`, `write-failed`, `tool-failed` */
export async function installTenant(tenant: Tenant, installation: Installation, manager: ServiceManager): Promise<{ readonly files: readonly string[]; readonly changed: boolean }> {
  const unit = tenant.service!;
  const [state] = await manager.states([unit]);
  const fragment = state!.files.find((path) => path.endsWith('.service'));
  if (fragment === undefined) throw new LockfastError('service-missing', `systemd knows no unit ${unit}`, 'check the setting `service`, or make the unit');
  const start = /^ExecStart=(.*)$/m.exec(readFileSync(fragment, 'utf8'))?.[1];
  if (start === undefined) throw new LockfastError('service-missing', `${unit} starts nothing`, 'give it an ExecStart=');
  const path = join(installation.unitDirectory, `${unit}.d`, DROP_IN);
  const bytes = Buffer.from(`# Written by lockfast: lockfast tenant uninstall ${tenant.name}\n[Service]\nExecStart=\nExecStart=${[...installation.lockfast, 'run', '--config', installation.configuration, '--tenant', tenant.name, '--'].join(' ')} ${start}\n`);
  if (identityOf(path) !== undefined && readFileSync(path).equals(bytes)) return { files: [path], changed: false };
  ensureDirectory(dirname(path));
  writeDurably({ path, bytes, mode: 0o644, expected: 'anything' });
  await manager.reload();
  return { files: [path], changed: true };
}

/** @throws LockfastError `permission-denied`, `write-failed`, `tool-failed` */
export async function uninstallTenant(tenant: Tenant, installation: Installation, manager: ServiceManager): Promise<{ readonly removed: readonly string[] }> {
  const path = join(installation.unitDirectory, `${tenant.service!}.d`, DROP_IN);
  const identity = identityOf(dirname(path)) === undefined ? undefined : identityOf(path);
  if (identity === undefined) return { removed: [] };
  removeDurably(path, identity);
  try {
    rmdirSync(dirname(path));
  } catch {
    // Somebody else's drop-ins are in it.
  }
  await manager.reload();
  return { removed: [path] };
}
