import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Whether who loses or controls the ledger's disk has `path`, too. @param ledgerFile undefined for a ledger that is no file of this machine */
export function isOnDiskOf(ledgerFile: string | undefined, path: string): boolean {
  const here = deviceOf(path);
  return here !== undefined && ledgerFile !== undefined && here === (deviceOf(ledgerFile) ?? deviceOf(dirname(ledgerFile)));
}

export const SAME_DISK = 'it is on the same disk as the ledger: who has that disk has both';

/** Undefined for what is not there. */
export function deviceOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.dev;
  } catch {
    return undefined;
  }
}
