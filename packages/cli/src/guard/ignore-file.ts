/** `.lockfast/guard-ignore.toml`: findings that somebody looked at, and why they are none. */
import { existsSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';
import { identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';
import { isFingerprint } from '@lockfast/guard';
import { parse } from 'smol-toml';

export interface Ignored {
  readonly fingerprint: string;
  readonly reason: string;
}

const HEAD = '# What `lockfast guard scan` does not report, and why. Written by `lockfast guard ignore`, for review.\n';

/** @throws LockfastError `config-invalid`: one that can't be read must not hide anything, nor fail to */
export function readIgnored(path: string): Ignored[] {
  if (!existsSync(path)) return [];
  const { ignore = [] } = parsed(path);
  if (!Array.isArray(ignore)) throw invalid(path);
  return ignore.map((one: unknown) => {
    const { fingerprint, reason } = (one ?? {}) as Partial<Ignored>;
    if (typeof fingerprint !== 'string' || !isFingerprint(fingerprint) || typeof reason !== 'string' || reason.trim() === '') throw invalid(path);
    return { fingerprint, reason };
  });
}

/** @returns false where it is there already @throws LockfastError as {@link readIgnored}; `write-failed` */
export async function addIgnored(path: string, entry: Ignored & { readonly by: string; readonly date: string }, stateDirectory: string): Promise<boolean> {
  return withFileLock(stateDirectory, path, () => {
    if (readIgnored(path).some(({ fingerprint }) => fingerprint === entry.fingerprint)) return false;
    const there = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    const text = there?.bytes.toString('utf8') ?? HEAD;
    const { fingerprint, reason, by, date } = entry;
    const added = Object.entries({ fingerprint, reason, by, date }).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
    const bytes = Buffer.from(`${text.endsWith('\n') ? text : `${text}\n`}\n[[ignore]]\n${added.join('')}`);
    writeDurably({ path, bytes, mode: there?.mode ?? 0o644, expected: there?.identity ?? 'absent' });
    return true;
  });
}

function parsed(path: string): Record<string, unknown> {
  try {
    return parse(readRegularFile(path, 'follow', 1024 * 1024).bytes.toString('utf8'));
  } catch (error) {
    if (error instanceof LockfastError) throw error;
    throw invalid(path);
  }
}

function invalid(path: string): LockfastError {
  return new LockfastError('config-invalid', `${path} is not a list of [[ignore]] with fingerprint and reason`, 'correct it, or take it from git');
}
