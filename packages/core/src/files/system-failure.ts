import { constants } from 'node:os';

import { type ErrorCode, LockfastError } from '../errors.ts';

/** Why the system refused, in words. Without a code of its own, the cause has that of the operation. */
interface Cause {
  readonly code?: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

const CAUSES: ReadonlyMap<string, Cause> = new Map<string, Cause>([
  ['ENOENT', { code: 'not-found', what: 'it does not exist', hint: 'check the path' }],
  ['ENOTDIR', { code: 'not-found', what: 'a part of its path is not a directory', hint: 'check the path' }],
  ['ERR_INVALID_ARG_VALUE', { code: 'not-found', what: 'no path can hold a NUL', hint: 'check the path' }],
  ['EISDIR', { code: 'not-a-file', what: 'it is a directory', hint: 'name a file' }],
  ['ENAMETOOLONG', { what: 'its name is too long', hint: 'use a name of at most 224 bytes' }],
  ['ELOOP', { code: 'not-a-file', what: 'its symbolic links lead in a circle', hint: 'name the file itself' }],
  ['EACCES', { code: 'permission-denied', what: 'permission is denied', hint: 'run it as the owner, or change the permissions' }],
  [
    'EPERM',
    {
      code: 'permission-denied',
      what: 'the operation is not permitted',
      hint: 'run it as the owner, and see with `lsattr` whether the file or its directory is immutable',
    },
  ],
  ['EROFS', { what: 'the file system is read-only', hint: 'remount it writable, or choose another place' }],
  ['ENOSPC', { what: 'the disk is full', hint: 'free space (or inodes) on that file system, then run it again' }],
  ['EDQUOT', { what: 'the disk quota is used up', hint: 'free space or raise the quota, then run it again' }],
  ['EFBIG', { what: 'it is larger than files may be here', hint: 'raise the limit (`ulimit -f`), then run it again' }],
  ['EIO', { what: 'the disk reported an I/O error', hint: 'see the kernel log and check the disk before anything is written there' }],
  // Docker mounts a single file like this: it can be written in place, but not replaced.
  ['EBUSY', { what: 'it is in use as a mount point', hint: 'mount its directory instead of the file' }],
  ['EXDEV', { what: 'it is on another file system than its directory', hint: 'mount its directory instead of the file' }],
  ['EAGAIN', { code: 'busy', what: 'another program holds a lease on it', hint: 'run it again' }],
  ['ETXTBSY', { code: 'busy', what: 'it is in use', hint: 'run it again' }],
  ['EMFILE', { code: 'busy', what: 'this process has too many files open', hint: 'raise the limit (`ulimit -n`), then run it again' }],
  ['ENFILE', { code: 'busy', what: 'the system has too many files open', hint: 'run it again' }],
  ['ESTALE', { what: 'the network file system lost it', hint: 'run it again' }],
]);

/**
 * An error of the system as an error that a person can act on.
 *
 * @param happened what did not happen, and to which path: `/srv/a/.env was not written`
 * @param otherwise the code of the operation, for the causes that have none of their own
 * @returns a `LockfastError` for an error of the system; anything else as it came, for it is a defect or has its words already
 */
export function systemFailure(error: unknown, happened: string, otherwise: ErrorCode): Error {
  const code = systemCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  const cause = CAUSES.get(code) ?? { what: `the system reported ${code}`, hint: 'see the kernel log, then run it again' };
  return new LockfastError(cause.code ?? otherwise, `${happened}: ${cause.what}`, cause.hint, error);
}

/** The code of an error that the system raised (`ENOSPC`), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof LockfastError || !('code' in error)) return undefined;
  const { code } = error;
  if (typeof code !== 'string') return undefined;
  if (!('errno' in error)) return CAUSES.has(code) ? code : undefined;
  return code === 'UNKNOWN' || code.startsWith('Unknown system error') ? nameOf(error.errno) : code;
}

/** libuv has no names for EDQUOT and ESTALE: Node reports them as UNKNOWN, or in words (`fchownSync`), with the right number. */
function nameOf(errno: unknown): string {
  const named = Object.entries(constants.errno).find(([, number]) => number === -Number(errno));
  return named?.[0] ?? `error ${-Number(errno)}`;
}
