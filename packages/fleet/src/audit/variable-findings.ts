/** Which required variables a tenant lacks: names are readable in an encrypted file, so that no key is needed. */
import { MOST_FILE_BYTES, parseNames } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';

import type { Tenant } from '../fleet.ts';
import type { Finding } from './finding.ts';

/** @param shared the names that all tenants get; undefined where they can't be had, and then nothing is known to be missing */
export function variableFindings(tenant: Tenant, shared: ReadonlySet<string> | undefined): Finding[] {
  const path = tenant.encryptedFile;
  let own: ReadonlySet<string>;
  try {
    own = namesIn(path);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    // What is not there, or can't be read, is a finding of its own.
    if (error.code === 'not-found' || error.code === 'permission-denied' || error.code === 'not-a-file') return [];
    return [{ tenant: tenant.name, path, kind: 'damaged', detail: error.message, hint: error.hint, repair: undefined }];
  }
  if (shared === undefined) return [];
  return tenant.required
    .filter((name) => !own.has(name) && !shared.has(name))
    .map((name) => ({ tenant: tenant.name, path, kind: 'variable', detail: `${name} is required, and missing`, hint: `lockfast env set ${name} --tenant ${tenant.name}`, repair: undefined }));
}

/** Checks the file's own checksum on the way. @throws LockfastError as `readRegularFile` and `parseNames` */
export function namesIn(path: string): Set<string> {
  return parseNames(readRegularFile(path, 'refuse', MOST_FILE_BYTES).bytes, path);
}
