/** The encrypted files of tenants, wherever the configuration and the backups directory have them, by what their headers say. */
import { ENCRYPTED_SUFFIX, isEncryptedFile, MOST_FILE_BYTES, parseFile } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { type FileIdentity, readRegularFile } from '@lockfast/core/files';
import type { TenantSecretId } from '@lockfast/core/keyring';

import { configuredEnvFiles } from '../env-files.ts';
import { backupFiles } from '../key/sweep.ts';
import type { Workspace } from '../workspace.ts';

export interface TenantFile {
  /** Absolute. */
  readonly path: string;
  readonly kind: 'file' | 'backup';
  readonly tenant: string;
  /** The tenant's own secret that it is derived with, or null. */
  readonly secret: TenantSecretId | null;
  /** The data key. */
  readonly key: string;
  readonly identity: FileIdentity;
}

export interface TenantFiles {
  readonly files: readonly TenantFile[];
  /** Plaintext env files in the directories of tenants. */
  readonly plaintext: readonly { readonly path: string; readonly tenant: string }[];
  /** Files and directories that nobody can tell the tenant of. */
  readonly unread: readonly string[];
}

/** Nobody vouches for a header here: it says which files are meant, and no more. */
export function findTenantFiles(workspace: Workspace): TenantFiles {
  const { configuration } = workspace;
  const files: TenantFile[] = [];
  const plaintext: { path: string; tenant: string }[] = [];
  const unread = new Set<string>();
  const miss = (path: string): void => void unread.add(path);
  const look = (path: string, kind: TenantFile['kind']): void => {
    try {
      const file = lookInto(path, kind);
      if (file?.environment === configuration.environment) files.push(file);
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      if (error.code !== 'not-found') miss(path);
    }
  };
  for (const path of configuredEnvFiles(configuration, miss)) {
    const tenant = workspace.tenantOf(path);
    if (path.endsWith(ENCRYPTED_SUFFIX)) look(path, 'file');
    else if (tenant !== undefined) plaintext.push({ path, tenant });
  }
  for (const path of backupFiles(configuration.backups.directory, miss)) look(path, 'backup');
  return { files, plaintext, unread: [...unread] };
}

/** What the header says now; undefined for a file that is not encrypted. @throws LockfastError as `readRegularFile` and `parseFile` */
export function lookInto(path: string, kind: TenantFile['kind']): (TenantFile & { readonly environment: string }) | undefined {
  const { bytes, identity } = readRegularFile(path, 'refuse', MOST_FILE_BYTES);
  if (!isEncryptedFile(bytes)) return undefined;
  const { environment, tenant, tenantSecret, key } = parseFile(bytes, path).header;
  return { path, kind, tenant, secret: tenantSecret, key, identity, environment };
}
