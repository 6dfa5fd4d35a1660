import { realpathSync } from 'node:fs';
import { isSea } from 'node:sea';

/** The absolute program and leading arguments that run this Lockfast again: Node and a script, or the single executable. */
export function calledAs(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, realpathSync.native(process.argv[1]!)];
}
