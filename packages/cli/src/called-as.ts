import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isSea } from 'node:sea';

import { quotedWord } from './shell-word.ts';

/** The absolute program and leading arguments that run this Lockfast again: Node and a script, or the single executable. */
export function calledAs(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, realpathSync.native(process.argv[1]!)];
}

/** For a shell: the name alone where it is in PATH; else this very command, quoted. */
export function callableAs(path: string | undefined): string {
  const found = (path ?? '').split(delimiter).some((directory) => directory !== '' && existsSync(join(directory, 'lockfast')));
  return found ? 'lockfast' : calledAs().map(quotedWord).join(' ');
}
