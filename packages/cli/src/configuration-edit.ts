import { basename } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile, withFileLock, writeDurably } from '@lockfast/core/files';

import type { Configuration } from './configuration.ts';

/**
 * Names another key source in `lockfast.toml`, in the place of one: the text of that one alone, so that comments and
 * layout stay. Does nothing where the file does not name it.
 *
 * @throws LockfastError `conflict` when the file changed meanwhile; `busy`; `write-failed`; `config-invalid` when it names it in a way that only a person can change
 */
export async function replaceKeySource({ file, namedSources }: Configuration, from: string, to: string, stateDirectory: string): Promise<void> {
  if (!namedSources.includes(from) || namedSources.includes(to)) return;
  await withFileLock(stateDirectory, file, () => replaceIn(file, from, to));
}

function replaceIn(file: string, from: string, to: string): void {
  const { bytes, identity, mode, uid, gid } = readRegularFile(file, 'refuse');
  const text = bytes.toString('utf8');
  const [quoted, replacement] = [JSON.stringify(from), JSON.stringify(to)];
  // The setting may be a list over several lines: the first such text behind its name is it.
  const setting = /^key-source\s*=/m.exec(text);
  const at = setting === null ? -1 : text.indexOf(quoted, setting.index);
  if (at === -1) {
    throw new LockfastError('config-invalid', `key-source in ${basename(file)} is not written as ${quoted}`, `write ${replacement} in its place, then run this again`);
  }
  const edited = text.slice(0, at) + replacement + text.slice(at + quoted.length);
  writeDurably({ path: file, bytes: Buffer.from(edited), mode, owner: { uid, gid }, expected: identity });
}
