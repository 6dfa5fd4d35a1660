/** Shares as people bring them: in files, or typed. */
import { resolve } from 'node:path';

import { LockfastError } from '@lockfast/core/errors';
import { readRegularFile } from '@lockfast/core/files';
import type { KeySource } from '@lockfast/core/ports';
import { readShare, sharesSource } from '@lockfast/keys';

import type { Session } from '../session.ts';

const MOST_BYTES = 64 * 1024;

/**
 * The key source that these shares make. Nobody's share is a secret alone, so the modes of files are not looked at: they
 * come from USB sticks.
 *
 * @param files one share each, or several, one a line; without any, they are asked for
 * @throws LockfastError `invalid-share`, `terminal-needed`, `not-found`
 */
export async function shares(files: readonly string[], session: Session): Promise<KeySource> {
  const texts = files.length === 0 ? await typedShares() : files.flatMap((file) => readShares(resolve(session.directory, file)));
  return sharesSource(`shares:${readShare(texts[0]!).set}`, texts);
}

function readShares(path: string): string[] {
  const texts = readRegularFile(path, 'follow', MOST_BYTES).bytes.toString('latin1').split(/\s+/).filter((line) => line !== '');
  try {
    if (texts.length === 0) throw new LockfastError('invalid-share', 'there is none', 'give what `lockfast key split` wrote');
    for (const text of texts) readShare(text);
    return texts;
  } catch (error) {
    if (!(error instanceof LockfastError)) throw error;
    throw new LockfastError(error.code, `${path}: ${error.message}`, error.hint, error);
  }
}

/** As many as the first one says. One that was typed wrong is asked for again. */
export async function typedShares(): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let threshold = 1; texts.length < threshold; ) {
    const label = `Share ${texts.length + 1}${threshold === 1 ? '' : ` of ${threshold}`}`;
    const text = await askShare(label);
    threshold = readShare(text).threshold;
    texts.push(text);
  }
  return texts;
}

async function askShare(label: string): Promise<string> {
  const { askHidden } = await import('../prompt.ts');
  for (let question = label; ; ) {
    const answer = await askHidden(question);
    const text = answer.toString('latin1').trim();
    answer.fill(0);
    if (text === '') throw new LockfastError('usage', 'nothing was entered', 'nothing was changed');
    try {
      readShare(text);
      return text;
    } catch (error) {
      if (!(error instanceof LockfastError)) throw error;
      question = `That was no share: ${error.message}. ${label}, again`;
    }
  }
}
