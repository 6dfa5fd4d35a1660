import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';

import { LockfastError } from '../errors.ts';
import { type FileIdentity, identityFrom, lookAt, sameIdentity } from './file-identity.ts';
import { refuseUnlessRegular } from './regular-file.ts';
import { shownPath } from './shown-path.ts';
import { systemCode, systemFailure } from './system-failure.ts';

/** Larger than any file that Lockfast writes; small enough that reading the wrong file does not take the memory. */
const MOST_BYTES = 64 * 1024 * 1024;

/** A file as it was at one moment. */
export interface OpenedFile {
  /** Not from Node's shared pool, so that the caller can wipe it without touching anything else. */
  readonly bytes: Buffer;
  /** What was read. With links followed it is the identity of the file at the end of them: `writeDurably` wants that file's own path. */
  readonly identity: FileIdentity;
  /** The permission bits, with set-uid, set-gid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** How many names the file has. With more than one, replacing this name leaves the old content under the others. */
  readonly links: number;
}

/**
 * Reads a whole regular file.
 *
 * @param links what to do with a symbolic link as the last part of the path; those before it are always followed
 * @throws LockfastError
 *   `not-found` when there is no such file, or a link to nothing;
 *   `not-a-file` when it is a directory, a FIFO, a socket, a device, or a refused link;
 *   `permission-denied`; `too-large` above `mostBytes`, before anything is read;
 *   `conflict` when it was written to while it was read, twice; `busy` under another program's lease or without free descriptors;
 *   `read-failed` when the disk can not give the bytes back
 */
export function readRegularFile(path: string, links: 'follow' | 'refuse', mostBytes: number = MOST_BYTES): OpenedFile {
  // A second try is for what leaves the bytes alone: a rotation links and renames beside us, and a service must start.
  const read = readUnchanged(path, links, mostBytes) ?? readUnchanged(path, links, mostBytes);
  if (read !== undefined) return read;
  throw new LockfastError('conflict', `${shownPath(path)} changed while it was read`, 'run it again when nothing else writes to the file');
}

/**
 * The first bytes of a regular file, all of them where it has no more: for what its first line says. Somebody may be
 * writing to it.
 *
 * @throws LockfastError as `readRegularFile`, but `too-large` and `conflict`
 */
export function readFileStart(path: string, links: 'follow' | 'refuse', mostBytes: number): Buffer {
  return fromOpened(path, links, (fd) => readUpTo(fd, mostBytes));
}

function fromOpened<T>(path: string, links: 'follow' | 'refuse', read: (fd: number) => T): T {
  const fd = openForReading(path, links);
  try {
    refuseUnlessRegular(fstatSync(fd, { bigint: true }), path);
    return read(fd);
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} was not read`, 'read-failed');
  } finally {
    closeSync(fd);
  }
}

function readUpTo(fd: number, mostBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(mostBytes);
  let done = 0;
  for (let read = 1; read > 0 && done < mostBytes; done += read) read = readSync(fd, bytes, done, mostBytes - done, done);
  return bytes.subarray(0, done);
}

/** @returns undefined when the file changed meanwhile */
function readUnchanged(path: string, links: 'follow' | 'refuse', mostBytes: number): OpenedFile | undefined {
  const fd = openForReading(path, links);
  try {
    const stats = fstatSync(fd, { bigint: true });
    refuseUnlessRegular(stats, path);
    if (stats.size > BigInt(mostBytes)) {
      throw new LockfastError('too-large', `${shownPath(path)} has ${stats.size} bytes, at most ${mostBytes} are read`, 'check that it is the right file');
    }
    const bytes = readExactly(fd, Number(stats.size));
    // The second look finds a writer that kept the size: half of the bytes may be from before it, half from after.
    if (bytes === undefined || !sameIdentity(identityFrom(stats), identityFrom(fstatSync(fd, { bigint: true })))) {
      bytes?.fill(0);
      return undefined;
    }
    return {
      bytes,
      identity: identityFrom(stats),
      mode: Number(stats.mode & 0o7777n),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      links: Number(stats.nlink),
    };
  } catch (error) {
    throw systemFailure(error, `${shownPath(path)} was not read`, 'read-failed');
  } finally {
    closeSync(fd);
  }
}

/** O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever. O_NOCTTY: a terminal must not become ours. */
function openForReading(path: string, links: 'follow' | 'refuse'): number {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  try {
    return openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (links === 'refuse' ? O_NOFOLLOW : 0));
  } catch (error) {
    explainRefusedOpen(path, links, error);
    throw systemFailure(error, `${shownPath(path)} was not read`, 'read-failed');
  }
}

/** The refusals of `open` whose number alone would mislead. */
function explainRefusedOpen(path: string, links: 'follow' | 'refuse', error: unknown): void {
  const code = systemCode(error);
  if (code === 'ELOOP' && links === 'refuse') {
    const found = lookAt(path);
    if (found !== undefined) refuseUnlessRegular(found, path);
  }
  if (code === 'ENOENT' && lookAt(path)?.isSymbolicLink() === true) {
    throw new LockfastError('not-found', `${shownPath(path)} is a symbolic link to nothing`, 'restore the file that it points to, or remove the link', error);
  }
  // A socket, or a device without a driver: they can't be opened, only looked at.
  if (code === 'ENXIO') refuseUnlessRegular(statSync(path, { bigint: true }), path);
}

/** @returns undefined when the file does not end after exactly `size` bytes */
function readExactly(fd: number, size: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(size);
  let done = 0;
  try {
    while (done < size) {
      const read = readSync(fd, bytes, done, size - done, done);
      if (read === 0) break;
      done += read;
    }
    if (done === size && readSync(fd, Buffer.alloc(1), 0, 1, size) === 0) return bytes;
  } catch (error) {
    bytes.fill(0);
    throw error;
  }
  bytes.fill(0);
  return undefined;
}
