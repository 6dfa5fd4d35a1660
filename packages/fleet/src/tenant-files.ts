/** What lies in a tenant's directory, by looking alone: of an encrypted file only the head is read, and nothing is decrypted. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync, type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';

import { type FileHeader, parseStart } from '@lockfast/core/env';
import { LockfastError } from '@lockfast/core/errors';
import { systemFailure } from '@lockfast/core/files';

import type { Tenant } from './fleet.ts';

/** Longer than every header. */
const HEAD_BYTES = 2048;

/** A name in a directory. */
export interface Seen {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly links: number;
  /** Milliseconds since the Unix epoch. */
  readonly changed: number;
}

export interface SeenTenant {
  readonly directory: Seen | undefined;
  readonly plain: Seen | undefined;
  /** Where a link in the place of the plaintext leads, and whether anything is there. */
  readonly plainTarget: { readonly path: string; readonly exists: boolean } | undefined;
  readonly encrypted: Seen | undefined;
  /** Nothing vouches for it yet. */
  readonly header: FileHeader | undefined;
  /** Why something can't be looked at, or is no encrypted file. */
  readonly refused: LockfastError | undefined;
}

/** @throws nothing: what can't be looked at is `refused` */
export function seeTenant({ directory, plainFile, encryptedFile }: Tenant): SeenTenant {
  let refused: LockfastError | undefined;
  const look = (path: string): Seen | undefined => {
    try {
      return see(path);
    } catch (error) {
      refused ??= denied(path, error);
      return undefined;
    }
  };
  const [seenDirectory, plain, encrypted] = [look(directory), look(plainFile), look(encryptedFile)];
  let header: FileHeader | undefined;
  if (encrypted?.kind === 'file') {
    try {
      header = readHeader(encryptedFile);
    } catch (error) {
      refused ??= error instanceof LockfastError ? error : denied(encryptedFile, error);
    }
  }
  return { directory: seenDirectory, plain, plainTarget: plain?.kind === 'link' ? targetOf(plainFile) : undefined, encrypted, header, refused };
}

/** What has this name, a link as itself; undefined where there is nothing. @throws LockfastError `permission-denied`, `not-found` where a part of the path is no directory */
export function see(path: string): Seen | undefined {
  let stats: Stats | undefined;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw systemFailure(error, `${path} can not be looked at`, 'permission-denied');
  }
  return stats === undefined ? undefined : { path, kind: kindOf(stats), mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid, size: stats.size, links: stats.nlink, changed: stats.mtimeMs };
}

/** @throws LockfastError as `parseStart`, and the system's errors */
function readHeader(path: string): FileHeader {
  return parseStart(readHead(path, HEAD_BYTES), path);
}

/** The first bytes of a regular file that is no link. @throws the system's error; RangeError for what is no regular file */
export function readHead(path: string, bytes: number): Buffer {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  try {
    if (!fstatSync(fd).isFile()) throw new RangeError('no regular file');
    const head = Buffer.allocUnsafe(bytes);
    return head.subarray(0, readSync(fd, head, 0, bytes, 0));
  } finally {
    closeSync(fd);
  }
}

function targetOf(link: string): SeenTenant['plainTarget'] {
  try {
    const path = resolve(link, '..', readlinkSync(link));
    return { path, exists: statSync(path, { throwIfNoEntry: false }) !== undefined };
  } catch {
    return undefined;
  }
}

function kindOf(stats: Stats): Seen['kind'] {
  return stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'link' : 'other';
}

function denied(path: string, error: unknown): LockfastError {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof RangeError || code === 'ELOOP') return new LockfastError('not-a-file', `${path} is no regular file`, 'find out who made it, and remove it');
  return new LockfastError('permission-denied', `${path} can not be looked at`, 'run it as its owner or as root', error);
}
