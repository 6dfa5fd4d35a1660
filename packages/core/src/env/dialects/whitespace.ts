/**
 * What a language calls white space decides where a value ends. JavaScript's own (`\s`, `trim`) counts U+FEFF and leaves
 * out U+0085; the others follow.
 */

const UNICODE = '\\t-\\r \\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000';

/** Go 1.2x, `unicode.IsSpace`: the property White_Space. */
export const GO_SPACE = new RegExp(`[${UNICODE}]`);

/** Python 3, `str.isspace` and `\s`: White_Space and the four information separators. */
export const PYTHON_SPACE = new RegExp(`[${UNICODE}\\u001C-\\u001F]`);

/** The first offset at or after `from` whose character is not in the class. */
export function skip(text: string, from: number, space: RegExp, until = text.length): number {
  let at = from;
  while (at < until && space.test(text.charAt(at))) at++;
  return at;
}

/** The first offset at or after `from` whose character is in the class, a pattern with the flag `g`; else the length. */
export function find(text: string, from: number, stop: RegExp): number {
  stop.lastIndex = from;
  return stop.exec(text)?.index ?? text.length;
}

/** Drops the characters of the class from the end: `strings.TrimRightFunc`, `str.rstrip`. */
export function trimEnd(text: string, space: RegExp): string {
  let end = text.length;
  while (end > 0 && space.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
