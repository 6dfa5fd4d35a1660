/** The layers of a tenant, decrypted on record: what all share, then its own, which wins. */
import { isUtf8 } from 'node:buffer';
import { existsSync } from 'node:fs';

import { MOST_FILE_BYTES, openEnvFile, type OpenedEnvFile, plaintextOf } from '@lockfast/core/env';
import { type Dialect, readEnv } from '@lockfast/core/env/dialects';
import { readEnvLate } from '@lockfast/core/env/dialects/late';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import type { Tenant } from '@lockfast/fleet';

import type { Workspace } from '../workspace.ts';

export interface TenantLayer<Value extends string | null = string> {
  readonly path: string;
  readonly opened: OpenedEnvFile;
  readonly plaintext: Buffer;
  readonly variables: ReadonlyMap<string, Value>;
}

/** One layer, with those of its variables that have a value; lines that the dialect does not read are left out. @throws LockfastError as `Workspace.decrypting` and `readRegularFile` */
export async function openLayer(path: string, tenant: string | undefined, workspace: Workspace, dialect: Dialect): Promise<TenantLayer> {
  const opened = await open(path, tenant, workspace, 'refuse');
  const plaintext = plaintextOf(opened);
  return { path, opened, plaintext, variables: valued(plaintext, dialect) };
}

/** As {@link openLayer}, lowest first; files that are not there are left out. */
export async function openLayers(tenant: string, workspace: Workspace, dialect: Dialect): Promise<TenantLayer[]> {
  const layers: TenantLayer[] = [];
  for (const path of workspace.layers(tenant)) if (existsSync(path)) layers.push(await openLayer(path, tenant, workspace, dialect));
  return layers;
}

/**
 * As a service gets them, lowest first, each line read; null is a name without a value.
 *
 * @throws LockfastError `unreadable-env` for a line that the dialect does not read: half of a configuration is worse than none; `not-found`
 */
export async function readLayers({ name, service }: Tenant, workspace: Workspace): Promise<TenantLayer<string | null>[]> {
  const layers: TenantLayer<string | null>[] = [];
  for (const path of workspace.layers(name)) {
    const opened = await open(path, name, workspace, 'follow', service);
    const plaintext = plaintextOf(opened);
    layers.push({ path, opened, plaintext, variables: await readLines(plaintext, path, workspace) });
  }
  return layers;
}

/** All layers in one; a later one wins. */
export function layered<Value extends string | null>(layers: readonly TenantLayer<Value>[]): Map<string, Value> {
  return new Map(layers.flatMap(({ variables }) => [...variables]));
}

/** @throws LockfastError `unreadable-env` */
export async function readLines(plaintext: Buffer, where: string, { configuration: { dialect } }: Pick<Workspace, 'configuration'>): Promise<ReadonlyMap<string, string | null>> {
  if (!isUtf8(plaintext)) throw new LockfastError('unreadable-env', `${where}: the plaintext is not UTF-8, and an environment can't carry its bytes exactly`, 'encode the value, for example in base64');
  const { variables, problems } = await readEnvLate(plaintext, dialect);
  const [problem] = problems;
  if (problem !== undefined) throw new LockfastError('unreadable-env', `${where}: line ${problem.line}: ${problem.reason}, as ${dialect} reads it`, 'mend it with `lockfast env edit`');
  return variables;
}

/** Those that have a value. */
export function valued(plaintext: Uint8Array, dialect: Dialect): Map<string, string> {
  return withValues(readEnv(plaintext, dialect).variables);
}

/** Those that have a value. */
export function withValues(variables: ReadonlyMap<string, string | null>): Map<string, string> {
  return new Map([...variables].filter((pair): pair is [string, string] => pair[1] !== null));
}

function open(path: string, tenant: string | undefined, workspace: Workspace, links: 'follow' | 'refuse', service?: string): Promise<OpenedEnvFile> {
  const { bytes } = readRegularFile(path, links, MOST_FILE_BYTES);
  return workspace.decrypting(path, tenant, (scope) => openEnvFile(bytes, scope, path), service === undefined ? {} : { details: { service } });
}
