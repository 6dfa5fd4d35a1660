/**
 * What a rotation replaced, kept encrypted as it was: `<backups directory>/<rotation id>/manifest.json`, and below
 * `files/` the env files that the manifest names. Nothing else lies in such a directory.
 */
import { type Dirent, lstatSync, readdirSync, type Stats } from 'node:fs';
import { join, relative, resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, systemFailure } from '@lockfast/core/files';
import { type KeptManifest, MANIFEST_FORMAT } from '@lockfast/core/rotation';

export const MANIFEST = 'manifest.json';
const FILES = 'files';
const MOST_MANIFEST_BYTES = 16 * 2 ** 20;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export interface RotationBackup {
  readonly directory: string;
  readonly manifest: KeptManifest;
  /** The copies that are there, absolute. */
  readonly copies: readonly string[];
  /** Those that the manifest names and that are gone, absolute: a killed `backup prune` removed them. */
  readonly missing: readonly string[];
  /** The directories below the rotation's own, deepest first. */
  readonly directories: readonly string[];
  /** Size of the copies. */
  readonly bytes: number;
}

/** Something in the backups directory that is no backup of ours, and is left alone. */
export interface Stranger {
  readonly path: string;
  readonly problem: string;
}

/**
 * Everything in the backups directory; the oldest first.
 *
 * @throws LockfastError `not-a-file` when it is a link or no directory; `permission-denied`
 */
export function findRotationBackups(directory: string): { readonly backups: readonly RotationBackup[]; readonly strangers: readonly Stranger[] } {
  const backups: RotationBackup[] = [];
  const strangers: Stranger[] = [];
  for (const name of namesIn(directory)) {
    try {
      backups.push(openBackup(join(directory, name), name));
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      strangers.push({ path: join(directory, name), problem: error.message });
    }
  }
  return { backups: backups.toSorted((a, b) => a.manifest.started.localeCompare(b.manifest.started)), strangers };
}

function namesIn(directory: string): string[] {
  const stats = lookAt(directory);
  if (stats === undefined) return [];
  if (!stats.isDirectory()) throw new LockfastError('not-a-file', `${directory} is not a directory`, 'set [backups] directory in lockfast.toml to the directory itself');
  return entriesOf(directory).map(({ name }) => name);
}

/** @throws LockfastError whose message says why it is no whole backup */
function openBackup(directory: string, name: string): RotationBackup {
  if (lookAt(directory)?.isDirectory() !== true) throw strange('it is not a directory');
  const manifest = readManifest(join(directory, MANIFEST), name);
  const named = new Set(manifest.files.map(({ backup }) => copyPath(directory, backup)));
  const found = listTree(directory, directory);
  const unknown = found.files.find((path) => !named.has(path) && path !== join(directory, MANIFEST));
  if (unknown !== undefined) throw strange(`it holds ${relative(directory, unknown)}, which its manifest does not name`);
  const copies = found.files.filter((path) => named.has(path));
  const missing = [...named].filter((path) => !copies.includes(path));
  const bytes = copies.reduce((sum, path) => sum + (lookAt(path)?.size ?? 0), 0);
  return { directory, manifest, copies, missing, directories: found.directories, bytes };
}

/** Inside `files/`, whatever the manifest says. */
function copyPath(directory: string, backup: string): string {
  const path = resolve(directory, backup);
  if (!path.startsWith(`${join(directory, FILES)}/`)) throw strange('its manifest names a file outside of it');
  return path;
}

function readManifest(path: string, name: string): KeptManifest {
  let text: string;
  try {
    text = readRegularFile(path, 'refuse', MOST_MANIFEST_BYTES).bytes.toString('utf8');
  } catch {
    throw strange('it has no manifest that can be read');
  }
  const manifest = parsed(text);
  if (!isManifest(manifest)) throw strange('its manifest is not one of a rotation');
  if (manifest.rotation !== name) throw strange('its manifest is that of another rotation');
  return manifest;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is KeptManifest {
  if (typeof value !== 'object' || value === null) return false;
  const { format, rotation, started, environment, fromKey, toKey, files } = value as Record<keyof KeptManifest, unknown>;
  return (
    format === MANIFEST_FORMAT &&
    [rotation, environment, fromKey, toKey].every((text) => typeof text === 'string' && text !== '') &&
    typeof started === 'string' &&
    TIME.test(started) &&
    !Number.isNaN(Date.parse(started)) &&
    Array.isArray(files) &&
    files.every((file: unknown) => typeof file === 'object' && file !== null && ['path', 'backup'].every((member) => typeof (file as Record<string, unknown>)[member] === 'string'))
  );
}

/** No link is followed; a link, a device or a FIFO in it makes the whole a stranger. */
function listTree(top: string, directory: string): { files: string[]; directories: string[] } {
  const files: string[] = [];
  const directories: string[] = [];
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) {
      const below = listTree(top, path);
      files.push(...below.files);
      directories.push(...below.directories, path);
    } else if (entry.isFile()) files.push(path);
    else throw strange(`it holds ${relative(top, path)}, which is no regular file`);
  }
  return { files, directories };
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    throw new LockfastError('permission-denied', `${directory} can not be listed`, 'run it as its owner', error);
  }
}

function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw systemFailure(error, `${path} can not be looked at`, 'permission-denied');
  }
}

function strange(problem: string): LockfastError {
  return new LockfastError('malformed', problem, 'it was left alone');
}
