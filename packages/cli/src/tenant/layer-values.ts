/** What the layers of a tenant hold, decrypted on record. */
import { existsSync } from 'node:fs';

import { openEnvFile, type OpenedEnvFile, MOST_FILE_BYTES, plaintextOf } from '@lockfast/core/env';
import { type Dialect, readEnv } from '@lockfast/core/env/dialects';
import { readRegularFile } from '@lockfast/core/files';

import type { Workspace } from '../workspace.ts';

export interface Layer {
  readonly path: string;
  readonly opened: OpenedEnvFile;
  /** Those that have a value. */
  readonly variables: ReadonlyMap<string, string>;
}

/** @throws LockfastError as `Workspace.decrypting` and `readRegularFile` */
export async function openLayer(path: string, tenant: string | undefined, workspace: Workspace, dialect: Dialect): Promise<Layer> {
  const { bytes } = readRegularFile(path, 'refuse', MOST_FILE_BYTES);
  const opened = await workspace.decrypting(path, tenant, (scope) => openEnvFile(bytes, scope, path));
  return { path, opened, variables: valued(plaintextOf(opened), dialect) };
}

/** Lowest first; files that are not there are left out. */
export async function openLayers(tenant: string, workspace: Workspace, dialect: Dialect): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const path of workspace.layers(tenant)) if (existsSync(path)) layers.push(await openLayer(path, tenant, workspace, dialect));
  return layers;
}

/** As the service sees them: the last layer wins. */
export function merged(layers: readonly Layer[]): Map<string, string> {
  return new Map(layers.flatMap(({ variables }) => [...variables]));
}

export function valued(plaintext: Uint8Array, dialect: Dialect): Map<string, string> {
  return new Map([...readEnv(plaintext, dialect).variables].filter((pair): pair is [string, string] => pair[1] !== null));
}
