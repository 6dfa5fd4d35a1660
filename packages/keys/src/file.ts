import { homedir, userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import { parseRootKey, type Secret } from '@lockfast/core/keyring';

import type { Surroundings } from './surroundings.ts';

const MOST_BYTES = 64 * 1024;

/** Permission bits of group and others, none of which a file with a secret may have. */
const ALL_OTHERS = 0o077;

/**
 * The root key in a file that its owner alone may read.
 *
 * @param forbidden permission bits that it must not have
 * @throws LockfastError `source-unavailable`, `invalid-key`
 */
export function fileRootKey(path: string, around: Surroundings, forbidden = ALL_OTHERS): Secret {
  const bytes = readSecretFile(path, 'the root key', around, forbidden);
  try {
    return parseRootKey(bytes.toString('latin1'));
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError(error.code, `${expandPath(path, around)}: ${error.message}`, error.hint);
  } finally {
    bytes.fill(0);
  }
}

/** @param what how errors name the file's content */
export function readSecretFile(path: string, what: string, around: Surroundings, forbidden = ALL_OTHERS): Buffer {
  const full = expandPath(path, around);
  const file = open(full, what);
  if ((file.mode & forbidden) !== 0) {
    file.bytes.fill(0);
    throw new LockfastError('source-unavailable', `${full}: others may read the file with ${what}`, `run: chmod 0400 ${full}`);
  }
  return file.bytes;
}

/** `~/` is the home directory, anything relative starts at the configuration's directory. */
export function expandPath(path: string, { home, directory }: Pick<Surroundings, 'home' | 'directory'>): string {
  if (path === '~' || path.startsWith('~/')) return join(home === '' ? homedir() : home, path.slice(1));
  return isAbsolute(path) ? path : resolve(directory, path);
}

function open(path: string, what: string): ReturnType<typeof readRegularFile> {
  try {
    return readRegularFile(path, 'follow', MOST_BYTES);
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    const hint = error.code === 'permission-denied' ? `run as its owner; this is ${thisAccount()}` : 'put it there, or name another key source';
    throw new LockfastError('source-unavailable', `${what} is not to be had: ${error.message}`, hint, error);
  }
}

/** In a container a process may run as a number that no account has. */
function thisAccount(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.geteuid?.()}`;
  }
}
