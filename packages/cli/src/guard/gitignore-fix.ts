import { join } from 'node:path';

import { identityOf, readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

import type { Session } from '../session.ts';
import { stateDirectory } from '../workspace.ts';

/**
 * Adds lines at the end of a repository's `.gitignore`, also those that stand further up already: the last one that fits
 * a path wins.
 */
export async function completeGitignore(root: string, lines: readonly string[], session: Session): Promise<void> {
  const path = join(root, '.gitignore');
  await withFileLock(stateDirectory(session), path, () => {
    const there = identityOf(path) === undefined ? undefined : readRegularFile(path, 'refuse');
    const text = there?.bytes.toString('utf8') ?? '';
    const start = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    const bytes = Buffer.from(`${start}${start === '' ? '' : '\n'}# lockfast guard\n${lines.join('\n')}\n`);
    writeDurably({ path, bytes, mode: there?.mode ?? 0o644, ...(there === undefined ? {} : { owner: { uid: there.uid, gid: there.gid } }), expected: there?.identity ?? 'absent' });
  });
}
