/** Who may read and write what all tenants depend on: key ring, root key, configuration, what they share, backups. */
import { dirname } from 'node:path';

import { see } from '../tenant-files.ts';
import { type Finding, octal } from './finding.ts';

export interface Place {
  readonly path: string;
  /** Permission bits that it must not have. */
  readonly forbidden: number;
  /** What harm they do, as a clause. */
  readonly harm: string;
}

/** A path that is not there is no finding. */
export function placeFindings({ path, forbidden, harm }: Place): Finding[] {
  const below = dirname(path);
  try {
    const seen = see(path);
    if (seen === undefined) return [];
    const found = (kind: Finding['kind'], detail: string, hint: string, repair?: Finding['repair']): Finding => ({ tenant: undefined, path, kind, detail, hint, repair });
    if (seen.kind === 'link') return [];
    const findings: Finding[] = [];
    const to = seen.mode & ~forbidden;
    if (to !== seen.mode) findings.push(found('mode', `${octal(seen.mode)}: ${harm}`, `chmod ${octal(to)}`, { kind: 'mode', below, from: seen.mode, to }));
    return findings;
  } catch {
    return [{ tenant: undefined, path, kind: 'unreadable', detail: 'it can not be looked at', hint: 'run it as its owner or as root', repair: undefined }];
  }
}
