import { join } from 'node:path';

import type { Session } from '../session.ts';
import { appendLines } from '../setup/git-files.ts';
import { stateDirectory } from '../workspace.ts';

/**
 * Adds lines at the end of a repository's `.gitignore`, also those that stand further up already: the last one that fits
 * a path wins.
 */
export async function completeGitignore(root: string, lines: readonly string[], session: Session): Promise<void> {
  await appendLines(join(root, '.gitignore'), 'lockfast guard', () => lines, stateDirectory(session));
}
