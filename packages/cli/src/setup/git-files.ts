/** What `init` adds to `.gitignore` and `.gitattributes`: lines that are missing, at the end, nothing else. */
import { join } from 'node:path';

import { type FileOwner, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

/** Plaintext env files and backups of them stay out; the encrypted ones and the template may go in. */
export const IGNORED = ['.env', '.env.*', '*.backup_*', '!.env.example', '!*.encrypted'] as const;
/** What belongs to this machine: the record of what was done on it, and the files as they were. */
export const IGNORED_STATE = ['.lockfast/ledger.db*', '.lockfast/rotations/', '.lockfast/backups/', '.lockfast/approvals.json'] as const;
/** Never a line-ending conversion, and a merge by entry where the driver is registered. */
export const ATTRIBUTES = ['*.encrypted -text merge=lockfast'] as const;

/** Those of the lines that are missing. @param owner whose a new file is; without it, this process's. */
export async function addLines(directory: string, file: '.gitignore' | '.gitattributes', lines: readonly string[], stateDirectory: string, owner?: FileOwner): Promise<void> {
  const missing = (text: string): readonly string[] => {
    const present = new Set(text.split('\n').map((line) => line.trim()));
    return lines.filter((line) => !present.has(line));
  };
  await appendLines(join(directory, file), 'lockfast', missing, stateDirectory, owner);
}

/**
 * Adds a block of lines under a comment. A file that is there keeps its mode and owner.
 *
 * @param linesFor what is to be added to this text; for none nothing is written
 */
export async function appendLines(path: string, heading: string, linesFor: (text: string) => readonly string[], stateDirectory: string, owner?: FileOwner): Promise<void> {
  await withFileLock(stateDirectory, path, () => {
    // A link, or a pipe that was planted, is refused.
    const read = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    const text = read?.bytes.toString('utf8') ?? '';
    const lines = linesFor(text);
    if (lines.length === 0) return;
    const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const bytes = Buffer.from(`${start}${start === '' ? '' : '\n'}# ${heading}\n${lines.join('\n')}\n`);
    writeDurably({ path, bytes, mode: read?.mode ?? 0o644, owner: read === undefined ? owner : { uid: read.uid, gid: read.gid }, expected: read?.identity ?? 'absent' });
  });
}
