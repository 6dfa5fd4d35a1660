/** What `init` adds to `.gitignore` and `.gitattributes`: lines that are missing, at the end, nothing else. */
import { join } from 'node:path';

import { type FileOwner, identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

/** Plaintext env files and backups of them stay out; the encrypted ones and the template may go in. */
export const IGNORED = ['.env', '.env.*', '*.backup_*', '!.env.example', '!*.encrypted'] as const;
/** What belongs to this machine: the record of what was done on it, and the files as they were. */
export const IGNORED_STATE = ['.lockfast/ledger.db*', '.lockfast/rotations/', '.lockfast/backups/', '.lockfast/approvals.json'] as const;
/** Never a line-ending conversion, and a merge by entry where the driver is registered. */
export const ATTRIBUTES = ['*.encrypted -text merge=lockfast'] as const;

/** @param owner whose a new file is; without it, this process's. One that is there keeps its own. */
export async function addLines(directory: string, file: '.gitignore' | '.gitattributes', lines: readonly string[], stateDirectory: string, owner?: FileOwner): Promise<void> {
  const path = join(directory, file);
  await withFileLock(stateDirectory, path, () => {
    // A link, or a pipe that was planted, is refused.
    const read = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    const text = read?.bytes.toString('utf8') ?? '';
    const present = new Set(text.split('\n').map((line) => line.trim()));
    const missing = lines.filter((line) => !present.has(line));
    if (missing.length === 0) return;
    const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const bytes = Buffer.from(`${start}${start === '' ? '' : '\n'}# lockfast\n${missing.join('\n')}\n`);
    writeDurably({ path, bytes, mode: 0o644, owner: read === undefined ? owner : { uid: read.uid, gid: read.gid }, expected: read?.identity ?? 'absent' });
  });
}
