/** How old credentials are, by the records of their rotations. */
import type { CredentialRotation } from './record.ts';

export interface CredentialAge {
  readonly name: string;
  /** Empty for what tenants share. */
  readonly tenant: string;
  readonly path: string;
  /** When it got the value that it has; ISO 8601. */
  readonly changed: string;
  readonly rotation: string;
}

/** The newest change of each variable of each file. A rotation that was rolled back has changed nothing. */
export function credentialAges(records: readonly CredentialRotation[]): CredentialAge[] {
  const ages = new Map<string, CredentialAge>();
  for (const { id, status, files, failures, ended, started } of records) {
    if (status !== 'completed' && status !== 'partial') continue;
    const failed = new Set(failures.map(({ what }) => what));
    for (const { path, tenant, names } of files) {
      if (failed.has(path)) continue;
      for (const name of names) ages.set(`${name} ${path}`, { name, tenant, path, changed: ended ?? started, rotation: id });
    }
  }
  return [...ages.values()];
}
