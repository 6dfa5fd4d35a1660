/** Where programs are looked for. */
import { delimiter, isAbsolute } from 'node:path';

/** Where programs of the system are, whatever the caller's PATH says: root must not run what a user put first. */
export const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The directories of a PATH, without its relative entries: whoever can write to the working directory would choose what runs. */
export function searchedDirectories(path: string | undefined): string[] {
  return (path ?? '/usr/bin:/bin').split(delimiter).filter(isAbsolute);
}

/** They as a PATH for a child. */
export function searchPath(path: string | undefined): string {
  return searchedDirectories(path).join(delimiter);
}
