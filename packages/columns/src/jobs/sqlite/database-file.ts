/** The file that a database is: where it is, and whether it still is the one that was opened. */
import { accessSync, constants, realpathSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { shownPath } from '@lockfast/core/files';

export class DatabaseFile {
  /** Absolute, with no symbolic links in it: SQLite names its journal after it, and jobs their locks. */
  readonly path: string;
  /** For messages. */
  readonly place: string;
  readonly #identity: string;

  /** @throws LockfastError `database-unavailable`: there is none, and none is made; `database-refused`: what is there is no file */
  constructor(path: string) {
    const shown = shownPath(resolve(path));
    const stats = lookAt(path);
    if (stats === undefined) throw new LockfastError('database-unavailable', `there is no database sqlite:${shown}`, 'check the path, and whether this user may enter its directory; a job makes no databases');
    if (!stats.isFile()) throw new LockfastError('database-refused', `sqlite:${shown} is not a file`, 'name the file of the database');
    this.path = realpathSync.native(resolve(path));
    this.place = `sqlite:${shownPath(this.path)}`;
    this.#identity = identityIn(stats);
  }

  /** A transaction on a file that may only be read begins as on any other. @throws LockfastError `database-refused` */
  refuseReadOnly(): void {
    try {
      accessSync(this.path, constants.W_OK);
    } catch (error) {
      throw new LockfastError('database-refused', `the database ${this.place} may not be written here`, 'run it as the owner of the database, on a file system that is not read-only', error);
    }
  }

  /**
   * SQLite does not notice when the file is replaced under it: what is written then is gone with the last program that has the old one open.
   *
   * @throws LockfastError `database-refused`
   */
  refuseIfReplaced(): void {
    const stats = lookAt(this.path);
    if (stats !== undefined && identityIn(stats) === this.#identity) return;
    throw new LockfastError('database-refused', `the database ${this.place} was removed or replaced while it was open`, 'stop whatever replaces it, then run it again');
  }
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function identityIn({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
