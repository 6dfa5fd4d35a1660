/**
 * Refuses what Node can't pass on as it got it. The kernel knows bytes, Node knows text: what is not UTF-8 in our
 * arguments or environment became U+FFFD when Node started, and the child would get those three bytes instead. A file
 * name in Latin-1 would silently be another one.
 *
 * Looked at only when a U+FFFD is there; one that was written as such passes.
 */
import { readFileSync } from 'node:fs';

import { LockfastError } from '@lockfast/core/errors';

const REPLACEMENT = '\u{fffd}';

/** @throws LockfastError `invalid-text`, naming the argument's place or the variable */
export function refuseAlteredText(words: readonly string[], environment: Readonly<Record<string, string>>): void {
  const suspects = Object.entries(environment).filter(([name, value]) => name.includes(REPLACEMENT) || value.includes(REPLACEMENT));
  if (suspects.length > 0) {
    const altered = alteredIn('environ');
    const suspect = suspects.find(([name, value]) => altered.has(`${name}=${value}`));
    if (suspect !== undefined) {
      throw new LockfastError('invalid-text', `the variable ${JSON.stringify(suspect[0])} is not UTF-8 and can't be passed on unchanged`, 'unset it, or set it in UTF-8');
    }
  }
  if (words.some((word) => word.includes(REPLACEMENT))) {
    const altered = alteredIn('cmdline');
    const place = words.findIndex((word) => altered.has(word));
    if (place !== -1) {
      const what = place === 0 ? 'the command' : `argument ${place} of the command`;
      throw new LockfastError('invalid-text', `${what} is not UTF-8 and can't be passed on unchanged`, 'rename the file to UTF-8, or name it in a script that you run instead');
    }
  }
}

/** What Node made of those texts that are not UTF-8. */
function alteredIn(list: 'cmdline' | 'environ'): ReadonlySet<string> {
  const altered = new Set<string>();
  let bytes: Buffer;
  try {
    bytes = readFileSync(`/proc/self/${list}`);
  } catch {
    return altered;
  }
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(0, start);
    const end = found === -1 ? bytes.length : found;
    const raw = bytes.subarray(start, end);
    const text = raw.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(raw)) altered.add(text);
    start = end + 1;
  }
  return altered;
}
