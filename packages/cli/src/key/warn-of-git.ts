import { dirname } from 'node:path';

import { workTree } from '../git.ts';
import type { Session } from '../session.ts';

/** @param why what it would mean to commit the file at `path` */
export function warnOfGit(session: Session, path: string, why: string): void {
  if (workTree({ ...session, directory: dirname(path) }) !== undefined) session.terminal.warn(`${path} lies in a git work tree: ${why}`);
}
