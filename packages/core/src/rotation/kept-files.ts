/**
 * The encrypted files as they were before a rotation: `<directory>/<rotation id>/manifest.json` and `files/N`. They are
 * encrypted still, under the key that the rotation replaces.
 */
import { closeSync, constants, existsSync, fsyncSync, linkSync, openSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { LockfastError } from '../errors.ts';
import { ensureDirectory, identityOf, readRegularFile, withFileLock, writeDurably } from '../files/index.ts';
import { lookAt } from '../files/file-identity.ts';
import { systemCode, systemFailure } from '../files/system-failure.ts';
import { sweepTempFiles } from '../files/temp-file.ts';

export const MANIFEST_FORMAT = 'lockfast-rotation-backup/1';

export interface KeptFile {
  /** Where the file stands, absolute. */
  readonly path: string;
  /** Where it is kept, relative to the manifest. */
  readonly backup: string;
}

export interface KeptManifest {
  readonly format: typeof MANIFEST_FORMAT;
  /** The rotation's id, and the name of the directory. */
  readonly rotation: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly started: string;
  readonly environment: string;
  readonly fromKey: string;
  readonly toKey: string;
  /** For the rotation of a credential: which variables it is about. The key stays the same. */
  readonly variables?: readonly string[];
  readonly files: readonly KeptFile[];
}

/** Keeps the files of one rotation. */
export class KeptFiles {
  readonly #directory: string;
  readonly #places: ReadonlyMap<string, string>;

  private constructor(directory: string, places: ReadonlyMap<string, string>) {
    this.#directory = directory;
    this.#places = places;
  }

  /** Writes down which files will be kept, before the first one is. @throws LockfastError `write-failed`, `damaged` */
  static async prepare(directory: string, manifest: Omit<KeptManifest, 'format' | 'files'>, paths: readonly string[], stateDirectory: string): Promise<KeptFiles> {
    const place = join(directory, manifest.rotation);
    // An empty directory without a manifest would look like somebody else's.
    if (paths.length === 0 && !existsSync(place)) return new KeptFiles(place, new Map());
    ensureDirectory(join(place, 'files'));
    sweepCopies(join(place, 'files'));
    const before = readManifest(join(place, 'manifest.json'));
    const files = [...before];
    const known = new Set(before.map(({ path }) => path));
    for (const path of paths) if (!known.has(path)) files.push({ path, backup: `files/${files.length + 1}` });
    if (files.length > before.length) {
      const path = join(place, 'manifest.json');
      const bytes = Buffer.from(`${JSON.stringify({ format: MANIFEST_FORMAT, ...manifest, files }, null, 2)}\n`);
      await withFileLock(stateDirectory, path, () => writeDurably({ path, bytes, mode: 0o600, expected: 'anything' }));
    }
    // A run that was killed may have made the directories and not synced them.
    for (const made of [place, directory, dirname(directory)]) syncDirectory(made);
    return new KeptFiles(place, new Map(files.map(({ path, backup }) => [path, join(place, backup)])));
  }

  /**
   * Keeps a file as it is now: a second name for it, which costs no writing, since replacing a file leaves the old
   * one under its other names. Where links can't be made, a copy. Durable after {@link sync}, a copy at once. What is
   * no regular file holds no bytes to keep: a link to it would be one more thing that nobody can read.
   *
   * A copy of other bytes, from before somebody mended the file, makes room.
   *
   * @returns whether there is something to sync
   * @throws LockfastError `write-failed`, and as `readRegularFile`: then the file must stay as it is
   */
  keep(path: string): boolean {
    const kept = this.#places.get(path);
    if (kept === undefined || lookAt(path)?.isFile() !== true || isCopyOf(kept, path)) return false;
    try {
      rmSync(kept, { force: true });
      linkSync(path, kept);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOENT') return false;
      if (!COPY_INSTEAD.has(code)) throw systemFailure(error, `${path} was not kept in the backup ${kept}, and was not changed`, 'write-failed');
      writeDurably({ path: kept, bytes: readRegularFile(path, 'refuse').bytes, mode: 0o400, expected: 'absent' });
    }
    return true;
  }

  /** Keeps a file no more that stayed as it was: it can't be opened, and neither could its copy. */
  drop(path: string): void {
    const kept = this.#places.get(path);
    try {
      if (kept !== undefined && isCopyOf(kept, path)) rmSync(kept, { force: true });
    } catch {
      // Why the file could not be done is what to tell.
    }
  }

  /** Makes the names durable. @throws LockfastError `write-failed` */
  sync(): void {
    syncDirectory(join(this.#directory, 'files'));
  }
}

/** Another disk; a kernel that lets nobody link to others' files (fs.protected_hardlinks); file systems without links. */
const COPY_INSTEAD: ReadonlySet<string | undefined> = new Set(['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * What is kept already. With a manifest that can't be read nobody knows whose the copies are: to number them anew would
 * name one file's copy as another's.
 */
function readManifest(path: string): readonly KeptFile[] {
  if (identityOf(path) === undefined) return [];
  const text = readRegularFile(path, 'refuse').bytes.toString('utf8');
  try {
    const { format, files } = JSON.parse(text) as KeptManifest;
    if (format === MANIFEST_FORMAT && files.every((file) => typeof file.path === 'string' && typeof file.backup === 'string')) return files;
  } catch {}
  throw new LockfastError('damaged', `${path} is damaged`, 'move its directory away, then run `lockfast key rotate` again: the files are whole, and are kept anew');
}

function isCopyOf(kept: string, path: string): boolean {
  const [one, other] = [lookAt(kept), lookAt(path)];
  if (one === undefined || other === undefined) return false;
  if (one.dev === other.dev && one.ino === other.ino) return true;
  return one.size === other.size && readRegularFile(kept, 'refuse').bytes.equals(readRegularFile(path, 'refuse').bytes);
}

/** What a run left that was killed while it copied: nobody else writes here while the rotation has its lock. */
function sweepCopies(directory: string): void {
  for (const name of namesIn(directory)) {
    const [, target] = /^\.(\d+)\..*\.tmp$/.exec(name) ?? [];
    if (target !== undefined) sweepTempFiles(join(directory, target));
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    throw systemFailure(error, `the directory ${directory} can not be listed`, 'write-failed');
  }
}

function syncDirectory(path: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    fsyncSync(fd);
  } catch (error) {
    throw systemFailure(error, 'the backup of the files was not synced; nothing was changed', 'write-failed');
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
