/** Where python-dotenv before 1.2.4 reads something else than the modelled version: all of its differences, by what a file has. */
import { readEnv } from '@lockfast/core/env/dialects';

const REASONS: readonly (readonly [reason: string, has: (text: string) => boolean])[] = [
  ['a byte order mark is part of the first name', (text) => text.startsWith('\ufeff')],
  // oxlint-disable-next-line no-control-regex
  ['a comment right behind the equals sign and a blank is a value', (text) => /=(?:[^\S\n]|[\u001c-\u001f\u0085])+#/.test(text)],
  ['an even number of backslashes before a quote', (text) => /\\\\["']/.test(text)],
  ['a quote that closes nowhere else closes at one behind a backslash', (text) => /\\["']/.test(text) && hasOpenQuote(text)],
];

/** Empty for a file that all versions read alike. */
export function olderPythonReasons(text: string): string[] {
  return REASONS.filter(([, has]) => has(text)).map(([reason]) => reason);
}

function hasOpenQuote(text: string): boolean {
  return readEnv(Buffer.from(text), 'python').problems.some(({ reason }) => reason === 'an unterminated quote');
}
