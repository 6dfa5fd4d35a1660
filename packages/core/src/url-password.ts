/** Passwords in URLs, `postgres://user:pass@host`: to the last @ before the path, as parsers that forgive read it. */

/** A scheme has an end: else a long text without one would take quadratic time. */
const USER_INFO = String.raw`[a-z][a-z0-9+.-]{0,31}:\/\/[^\s/?#:@]*:([^\s/?#]+)@`;
const AT_START = new RegExp(`^${USER_INFO}`, 'i');
const ANYWHERE = new RegExp(USER_INFO, 'gi');

/** As it stands in a text that is a URL, percent signs and all; undefined where there is none. */
export function passwordOfUrl(text: string): string | undefined {
  return AT_START.exec(text)?.[1];
}

/** Of all URLs in a text. */
export function passwordsOfUrlsIn(text: string): string[] {
  return Array.from(text.matchAll(ANYWHERE), ([, password]) => password!);
}

/** As its server gets it; undefined where it is not percent-encoded. */
export function decodedPart(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
