/** Nearly every path. */
const PLAIN = /^[ -~]+$/;

/**
 * What can not stand in a one-line message as it is: control characters (a file name may hold line breaks and terminal
 * escapes), and the invisible and direction-changing characters that make one name look like another.
 * Made when it is needed: V8 reads Unicode's tables for a literal already when it parses the file.
 */
function unshowable(): RegExp {
  return new RegExp(String.raw`[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]`, 'gu');
}

/** A path as a message may carry it: as it is, or in double quotes with escapes when it holds what would not show. */
export function shownPath(path: string): string {
  if (PLAIN.test(path) || (path !== '' && path.search(unshowable()) === -1)) return path;
  return `"${shownLine(path.replaceAll(/["\\]/g, '\\$&'))}"`;
}

/** A message as one line that says nothing but its own words: what would not show, or move the cursor, is escaped. */
export function shownLine(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.replaceAll(unshowable(), (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
