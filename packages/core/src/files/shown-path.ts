/**
 * What can not stand in a one-line message as it is: control characters (a file name may hold line breaks and terminal
 * escapes), and the invisible and direction-changing characters that make one name look like another.
 */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Nearly every path; and compiling the expression above takes a tenth of the command's own start-up time. */
const PLAIN = /^[ -~]+$/;

/** A path as a message may carry it: as it is, or in double quotes with escapes when it holds what would not show. */
export function shownPath(path: string): string {
  if (PLAIN.test(path) || (path !== '' && path.search(UNSHOWABLE) === -1)) return path;
  const escaped = path
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(UNSHOWABLE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return `"${escaped}"`;
}
