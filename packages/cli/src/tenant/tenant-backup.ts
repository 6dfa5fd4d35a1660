/**
 * What an import or a removal took away, kept encrypted for the tenant: a backup like those of rotations, so that
 * `backup list` and `backup prune` know it, and `key retire` counts what it needs.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { encryptEnvFile, openEnvFile, plaintextOf, readEnvFile, splitEntries, type WriteScope } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { ensureDirectory, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { type KeptManifest, MANIFEST_FORMAT } from '@lockfast/core/rotation';

const MANIFEST = 'manifest.json';
const COPY = 'files/1';

/** Why it was kept, which its name begins with. */
export type KeptFor = 'import' | 'rollback' | 'remove';

/** The name of a new backup: `import-acme-20261122T101523Z`. @param now ISO 8601 */
export function backupName(why: KeptFor, tenant: string, now: string): string {
  return `${why}-${tenant}-${now.replaceAll(/[-:]|\.\d+/g, '')}`;
}

export interface TenantBackup {
  /** The backups directory. */
  readonly directory: string;
  readonly name: string;
  /** Where the file stood, absolute. */
  readonly path: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly started: string;
}

/** Whether it is there whole. */
export function isKept({ directory, name }: Pick<TenantBackup, 'directory' | 'name'>): boolean {
  return identityOf(join(directory, name)) !== undefined && identityOf(join(directory, name, MANIFEST)) !== undefined;
}

/** Encrypts a plaintext into the backup, and opens it again as proof. The manifest comes last: without it, it is not whole. */
export async function keepPlaintext(backup: TenantBackup, plaintext: Buffer, scope: WriteScope): Promise<void> {
  const bytes = encryptEnvFile({ entries: splitEntries(plaintext) }, scope);
  if (!plaintextOf(openEnvFile(bytes, scope, 'the backup')).equals(plaintext)) {
    throw new LockfastError('write-failed', `${backup.path} was not kept: what was encrypted does not give it back`, 'check the memory of this machine; nothing was changed');
  }
  await keep(backup, bytes, 'plaintext', scope);
}

/** Keeps an encrypted file as it is. */
export async function keepEncrypted(backup: TenantBackup, scope: WriteScope): Promise<void> {
  const { bytes, header } = readEnvFile(backup.path, scope);
  await keep(backup, bytes, header.key, scope);
}

/** @throws LockfastError as `readEnvFile` */
export function keptPlaintext(backup: Pick<TenantBackup, 'directory' | 'name'>, scope: WriteScope): Buffer {
  return plaintextOf(readEnvFile(keptCopy(backup), scope));
}

export function keptCopy({ directory, name }: Pick<TenantBackup, 'directory' | 'name'>): string {
  return join(directory, name, COPY);
}

async function keep({ directory, name, path, started }: TenantBackup, bytes: Buffer, fromKey: string, { ring, stateDirectory }: WriteScope): Promise<void> {
  const place = join(directory, name);
  ensureDirectory(join(place, 'files'));
  const copy = join(place, COPY);
  await withFileLock(stateDirectory, copy, () => writeDurably({ path: copy, bytes, mode: 0o400, expected: 'anything' }));
  // From the disk: what can't be read there is no backup.
  if (!readFileSync(copy).equals(bytes) || readRegularFile(copy, 'refuse').links > 1) throw new LockfastError('write-failed', `${copy} was not written as it must be`, 'check the disk; nothing was changed');
  const manifest: KeptManifest = { format: MANIFEST_FORMAT, rotation: name, started, environment: ring.environment, fromKey, toKey: ring.active().id, files: [{ path, backup: COPY }] };
  const target = join(place, MANIFEST);
  await withFileLock(stateDirectory, target, () => writeDurably({ path: target, bytes: Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`), mode: 0o600, expected: 'anything' }));
}
