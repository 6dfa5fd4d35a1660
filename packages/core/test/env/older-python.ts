/** Where python-dotenv before 1.2.4 reads something else than the modelled version: all of its differences, by what a file has. */
const REASONS: readonly (readonly [reason: string, pattern: RegExp])[] = [
  ['a byte order mark is part of the first name', /^\ufeff/],
  ['a comment right behind the equals sign and a blank is a value', /=[^\S\n]+#/],
  ['an even number of backslashes before a quote', /\\\\["']/],
];

/** Empty for a file that all versions read alike. */
export function olderPythonReasons(text: string): string[] {
  return REASONS.filter(([, pattern]) => pattern.test(text)).map(([reason]) => reason);
}
