/** A tenant's variables as its service gets them: what all share, then its own, each line of them read. */
import { isUtf8 } from 'node:buffer';

import { openEnvFile, plaintextOf } from '@lockfast/core/env';
import { readEnvLate } from '@lockfast/core/env/dialects/late';
import { LockfastError } from '@lockfast/core/errors';
import { MOST_FILE_BYTES } from '@lockfast/core/env';
import { readRegularFile } from '@lockfast/core/files';
import type { Tenant } from '@lockfast/fleet';

import type { Workspace } from '../workspace.ts';

export interface TenantLayer {
  readonly file: string;
  readonly plaintext: Buffer;
  /** null is a name without a value. */
  readonly variables: ReadonlyMap<string, string | null>;
}

/** Decrypts them, on record. @throws LockfastError `unreadable-env` for a line that the dialect does not read: half of a configuration is worse than none */
export async function readLayers({ name, service }: Tenant, workspace: Workspace): Promise<TenantLayer[]> {
  const layers: TenantLayer[] = [];
  for (const file of workspace.layers(name)) {
    const { bytes } = readRegularFile(file, 'follow', MOST_FILE_BYTES);
    const plaintext = plaintextOf(await workspace.decrypting(file, name, (scope) => openEnvFile(bytes, scope, file), service === undefined ? {} : { details: { service } }));
    layers.push({ file, plaintext, variables: await readLines(plaintext, file, workspace) });
  }
  return layers;
}

/** All layers in one; a later one wins. */
export function layered(layers: readonly TenantLayer[]): Map<string, string | null> {
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
