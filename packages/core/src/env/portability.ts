import { isUtf8 } from 'node:buffer';

import { compareDialects, type Difference } from './dialects/index.ts';
import { isPortableName, splitEntries } from './document.ts';

/** Something about an env file that some program will trip over. It never refuses anything. */
export interface EnvWarning {
  /** Line numbers from 1, or names of variables; never a value. */
  readonly where: string;
  readonly what: string;
}

/** What to warn of before a file is encrypted: bytes and lines that programs read differently, or not at all. */
export function portabilityWarnings(bytes: Uint8Array): EnvWarning[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const warnings: EnvWarning[] = [];
  if (buffer.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
    warnings.push({ where: 'line 1', what: 'begins with a byte order mark: Node and systemd take it as part of the first name' });
  }
  if (buffer.includes('\r\n')) warnings.push({ where: 'lines', what: 'end in CR LF: a shell keeps the CR in the value' });
  if (buffer.includes(0)) warnings.push({ where: 'file', what: 'holds a NUL byte: systemd refuses it, and no environment variable can carry it' });
  if (!isUtf8(buffer)) warnings.push({ where: 'file', what: 'is not UTF-8: systemd, Docker and Python refuse it, others replace characters' });
  const dropped = splitEntries(buffer).filter(({ name, kind }) => kind !== 'other' && !isPortableName(name));
  if (dropped.length > 0) {
    warnings.push({ where: listed(dropped.map(({ name }) => name)), what: 'a name that systemd and shells such as dash drop from the environment' });
  }
  const { differences } = compareDialects(buffer);
  // Docker keeps quotes: nearly every file has such a line, and it would hide the lines that others disagree on.
  const docker = differences.filter(({ groups }) => onlyDocker(groups));
  const others = differences.filter(({ groups }) => !onlyDocker(groups));
  if (docker.length > 0) warnings.push({ where: listed(named(docker)), what: 'read otherwise by `docker --env-file`, which takes quotes and comments as part of the value' });
  if (others.length > 0) warnings.push({ where: listed(named(others)), what: 'read differently by different programs: compare with `lockfast env list --reveal --dialect NAME`' });
  return warnings;
}

const MOST_NAMES = 6;

function onlyDocker(groups: Difference['groups']): boolean {
  return groups.length === 2 && groups.some((group) => group.length === 1 && group[0] === 'docker');
}

function named(differences: readonly Difference[]): string[] {
  const names = differences.flatMap(({ name }) => name ?? []);
  return names.length > 0 ? names : differences.map(({ line }) => (line === undefined ? 'a line' : `line ${line}`));
}

function listed(names: readonly string[]): string {
  const unique = [...new Set(names)];
  const more = unique.length - MOST_NAMES;
  return more > 0 ? `${unique.slice(0, MOST_NAMES).join(', ')} and ${more} more` : unique.join(', ');
}
