import { LockfastError } from '../errors.ts';
import { readHeader } from './env-file.ts';

/**
 * What a record of a write says beside it: the revision that the file has now. By the highest one on record an older file
 * is found that was put back. A file that can't be read again is still written: then there is nothing to say.
 */
export function writtenRevision(path: string): { readonly revision?: number } {
  try {
    return { revision: readHeader(path).revision };
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    return {};
  }
}
